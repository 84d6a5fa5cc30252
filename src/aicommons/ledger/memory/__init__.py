"""A ledger in memory: the same rules and events as the contracts, without an EVM, blocks or files.

Used by tests, examples and whoever steps a commons by hand. It holds members with their roles, votes, problems, money,
datasets with their consents, runs, models and statements, each in a module of its own: what a call changes is what the contract's event says, folded into the view that
everybody else folds too, and a run moves on by ``protocol/transitions``. Left out, and refused: the chain's coin, guardians and
recovery of memberships, registers, guardianships, requests, successors, co-ops, and calls by signature outside runs.
"""

from aicommons.ledger.memory.ledger import MemoryLedger

__all__ = ["MemoryLedger"]
