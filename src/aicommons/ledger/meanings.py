"""What a call of a proposal says, read from its bytes for those who vote on it.

Called by the ledger clients. Solidity reads more encodings than one: offsets may point anywhere, and what follows the last
argument is passed over. So a call is read only if its bytes are exactly those that its arguments are written as; all else is
named, with its contract and its function, and left unread. How it is said to people is left to who shows it.
"""

from collections.abc import Mapping

from aicommons.domain import encoding, errors, ids
from aicommons.ledger import contracts
from aicommons.protocol import governance

LONGEST = 2**15
"""Bytes of a call that is read: by its offsets a longer one could say the same bytes over and over."""
DEEPEST = 3
"""Calls inside calls that are read; nobody proposes more in good faith."""
CARRIED = {
    ("CommonsGovernor", "relay"): ("target", "value", "data"),
    ("TimelockController", "schedule"): ("target", "value", "data"),
    ("TimelockController", "execute"): ("target", "value", "payload"),
    ("TimelockController", "scheduleBatch"): ("targets", "values", "payloads"),
    ("TimelockController", "executeBatch"): ("targets", "values", "payloads"),
    ("CoopGovernor", "relay"): ("target", "value", "data"),
    ("CommonsGovernor", "propose"): ("targets", "values", "calldatas"),
}
"""Function that carries on other calls -> the arguments that these are made of."""


def read(
    places: Mapping[ids.Address, str], newest: Mapping[str, ids.Address], call: governance.Call, depth: int = 0
) -> governance.Meaning | None:
    """Return what a call says, or ``None`` when it calls no contract of this commons.

    Args:
        places: where contracts of this commons stand or stood -> their names.
        newest: name -> where it stands now.
        call: the call.
        depth: in how many others it lies.
    """
    name = places.get(call.target)
    if name is None:
        return None
    is_former = newest.get(name) != call.target
    entry = next((each for each in contracts.load(name).functions.values() if each.key == call.data[:4]), None)
    if entry is None:
        return governance.Meaning(name, None, is_former=is_former)
    values = _arguments(entry.types, call.data[4:])
    inner = [] if values is None else _carried(name, entry, values)
    return governance.Meaning(
        *(name, entry.name, entry.names, values),
        is_former=is_former,
        inner=tuple((each, read(places, newest, each, depth + 1)) for each in inner) if depth < DEEPEST else (),
    )


def _arguments(types: tuple[str, ...], data: bytes) -> tuple[object, ...] | None:
    """Return the arguments, ``None`` unless ``data`` is just what they are written as."""
    if len(data) > LONGEST:
        return None
    try:
        values = encoding.abi_decode(types, data)
        is_exact = encoding.abi_encode(types, values) == data
    except (errors.DecodeError, errors.InputError):
        return None
    return values if is_exact else None


def _carried(name: str, entry: contracts.Entry, values: tuple[object, ...]) -> list[governance.Call]:
    """Return the calls that a call carries on; none where their lists are of different lengths, which is refused."""
    wanted = CARRIED.get((name, entry.name))
    if wanted is None:
        return []
    said = dict(zip(entry.names, values, strict=True))
    parts = [said[each] for each in wanted]
    lists = [each if isinstance(each, tuple) else (each,) for each in parts]
    if len({len(each) for each in lists}) > 1:
        return []
    return [
        governance.Call(ids.parse_address(str(target)), bytes(data), int(amount))
        for target, amount, data in zip(*lists, strict=True)
    ]
