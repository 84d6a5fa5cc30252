"""The ledger: client, events, the embedded chain and the contracts' packaged artifacts."""
