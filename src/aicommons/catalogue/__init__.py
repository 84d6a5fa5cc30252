"""Answers questions about the commons: a projection of ledger and store that can be thrown away at any time."""
