"""Pure decisions: what the ledger's events mean, when a run may move on, what a node owes. No I/O, clock or randomness."""
