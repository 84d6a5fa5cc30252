"""The owner's tables: read, checked against a schema, and turned into numbers. Nothing here leaves the owner."""
