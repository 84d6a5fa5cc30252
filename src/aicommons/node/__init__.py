"""An organisation's agent: observe the ledger, find out what is due, do it, record it."""
