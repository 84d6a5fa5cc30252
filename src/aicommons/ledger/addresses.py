"""Where a contract comes to stand: its address follows from who creates it and when.

Called by the client, by deployment and by the embedded ledger. Left out: addresses of keys (``domain/signature``).
"""

import rlp

from aicommons.domain import encoding, ids


def created(sender: bytes, nonce: int) -> ids.Address:
    """Return the address of the contract that ``sender`` creates at ``nonce`` (Yellow Paper, section 7)."""
    return ids.Address(encoding.keccak(rlp.encode([sender, nonce]))[12:])
