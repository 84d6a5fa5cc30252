"""Values that say nothing, of any ABI type. Used by ``test_bindings`` and ``test_powerless``."""

from typing import Any

from aicommons.domain import encoding


def zero(kind: str, items: int = 0) -> Any:
    """Return a zero of an ABI type; lists have so many items."""
    if kind.endswith("[]"):
        return [zero(kind[:-2], items)] * items
    if kind.startswith("("):
        return tuple(zero(each, items) for each in encoding.abi_components(kind))
    if kind.startswith("bytes"):
        return bytes(int(kind.removeprefix("bytes") or 0))
    return {"bool": False, "string": "", "address": bytes(20)}.get(kind, 0)
