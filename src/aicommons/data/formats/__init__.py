"""One module per kind of source; each yields the same batches. Opened by ``sources``, which knows the owner's words."""
