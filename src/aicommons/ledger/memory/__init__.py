"""A ledger in memory: the same rules and events as the contracts, without an EVM, blocks or files.

Used by tests, examples and whoever steps a commons by hand. It holds members, problems, datasets with their consents, runs
and models, each in a module of its own: what a call changes is what the contract's event says, folded into the view that
everybody else folds too, and a run moves on by ``protocol/transitions``. Left out, and refused: money, challenges, votes,
roles, audits, recovery of memberships, registers, guardianships, requests and co-ops; a bond can therefore not be paid
here, and the rules stay those of the founding.
"""

from aicommons.ledger.memory.ledger import MemoryLedger

__all__ = ["MemoryLedger"]
