"""Loads a program that is no part of the package, by its path: such as those in ``contracts/``, ``docs/`` and ``fuzz/``."""

import importlib.util
import pathlib
import sys
import types


def load(path: pathlib.Path) -> types.ModuleType:
    """Return a file as a module of its own.

    Raises:
        ImportError: it cannot be loaded.
    """
    name = f"{path.parent.name.replace('-', '_')}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    return made
