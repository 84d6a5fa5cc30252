"""Chooses the EVM by what is installed: pyrevm where it has wheels, else py-evm.

Why: one place decides, and imports an engine only when it is used (py-evm alone costs 40 MB). Called by ``server`` and
``replay``. Left out: everything about how an engine works.
"""

import importlib.util
import sys
from typing import Final

from aicommons.domain import errors
from aicommons.ledger.embedded import engine

ENGINE_PACKAGES: Final = {"pyrevm": "pyrevm", "py-evm": "eth"}
"""The importable package behind each engine's name, fastest engine first."""


def make_engine(name: str | None, *, chain_id: int) -> engine.Engine:
    """Return a new, empty engine: the named one, or with ``None`` the fastest installed one.

    Raises:
        InputError: no engine has this name, or its package is not installed.
    """
    if name is not None and name not in ENGINE_PACKAGES:
        raise errors.InputError("unknown EVM engine", which="engine", expected=" or ".join(ENGINE_PACKAGES), got=name)
    wanted = tuple(ENGINE_PACKAGES) if name is None else (name,)
    installed = [one for one in wanted if importlib.util.find_spec(ENGINE_PACKAGES[one]) is not None]
    if not installed:
        raise errors.InputError(
            "no EVM engine is installed",
            which="engine",
            expected=" or ".join(wanted),
            next_step="pip install pyrevm==0.3.7 (Python 3.11 or 3.12) or py-evm==0.12.1b1",
        )
    return _build(installed[0], chain_id)


def _build(name: str, chain_id: int) -> engine.Engine:
    # Imported here because most platforms have only one of the two, and a process should load only the one it uses.
    if name == "pyrevm":
        from aicommons.ledger.embedded import revm

        return revm.PyrevmEngine(chain_id)
    # py-evm raises Python's recursion limit when it is imported, so far that deeply nested JSON would end any process
    # that parses some; the engine raises it only while it executes.
    limit = sys.getrecursionlimit()
    from aicommons.ledger.embedded import pyevm

    sys.setrecursionlimit(limit)
    return pyevm.PyEvmEngine(chain_id)
