"""Libraries of the extras are imported where they are used; this names the extra when one is missing.

Called by the formats before their import, so that a base install says what to do instead of ``ModuleNotFoundError``.
"""

import importlib.util

from aicommons.domain import errors


def need(module: str, extra: str) -> None:
    """Check that ``module`` is installed.

    Raises:
        errors.InputError: it is not; the next step installs the extra.
    """
    if importlib.util.find_spec(module) is None:
        raise errors.InputError(
            "this kind of source needs a library that is not installed",
            which=module,
            next_step=f"pip install 'aicommons[{extra}]'",
        )
