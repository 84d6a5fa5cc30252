"""Numbers only: learners, their combiners, secure aggregation and evaluation. No ledger, store or clock."""
