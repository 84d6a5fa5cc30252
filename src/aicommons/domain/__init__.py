"""Frozen records, ids, byte encodings and the error tree: what every other package speaks about. No I/O."""
