"""Libraries of the extras are imported where they are used; this names the extra when one is missing.

Called by the formats before their import, so that a base install says what to do instead of ``ModuleNotFoundError``.
"""

import importlib.util

from aicommons.domain import errors


def is_there(module: str) -> bool:
    """Return whether ``module`` is installed."""
    return importlib.util.find_spec(module) is not None


def need(module: str, extra: str, *, purpose: str = "this kind of source") -> None:
    """Check that ``module`` is installed, which ``purpose`` needs.

    Raises:
        errors.InputError: it is not; the next step installs the extra.
    """
    if not is_there(module):
        raise errors.InputError(
            f"{purpose} needs a library that is not installed",
            which=module,
            next_step=f"pip install 'aicommons[{extra}]'",
        )
