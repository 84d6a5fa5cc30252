"""A one-process Ethereum-type ledger: EVM engine, SQLite storage and JSON-RPC on loopback."""
