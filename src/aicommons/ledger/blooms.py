"""Whether a block's bloom says that it has events of a contract: a cheap look at what a ledger may have kept back.

Called by ``reading`` for each new block. A bloom can say yes where there is nothing, never no where there is something
(Ethereum yellow paper, section 4.3.1). Full blooms of busy public chains say yes to everything and are not asked.
"""

import functools
from collections.abc import Iterable
from typing import Any

from aicommons.domain import encoding, ids
from aicommons.ledger import contracts, rpc

MOST_BITS = 300
"""Of 2,048: above it chance says yes too often. Below it, an address and a topic of its contract are both there by chance in one
block of 50,000 at the most."""


def has_events(block: dict[str, Any], at: ids.Address, contract: str) -> bool:
    """Return whether a block's bloom says that ``contract`` at an address has events in it.

    Raises:
        errors.LedgerMismatch: the bloom is none.
    """
    told = block.get("logsBloom")
    if told is None:
        return False  # not every ledger keeps one
    bloom = int.from_bytes(rpc.data(told), "big")
    if bloom.bit_count() > MOST_BITS or bloom & mask(at) != mask(at):
        return False
    return any(bloom & each == each for each in _topics(contract))


@functools.cache
def mask(item: bytes) -> int:
    """Return the three bits of 2,048 that an address or a topic sets."""
    hashed = encoding.keccak(item)
    bits = (int.from_bytes(hashed[at : at + 2], "big") & 2047 for at in (0, 2, 4))
    return functools.reduce(lambda found, bit: found | 1 << bit, bits, 0)


def whole(items: Iterable[bytes]) -> str:
    """Return a block's bloom over addresses and topics, as a ledger writes it."""
    return "0x" + functools.reduce(lambda found, item: found | mask(item), items, 0).to_bytes(256, "big").hex()


@functools.cache
def _topics(contract: str) -> tuple[int, ...]:
    return tuple(mask(topic) for topic in contracts.load(contract).events)
