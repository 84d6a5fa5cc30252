"""People's consents behind one dataset: the steward's register, who may be trained on now, receipts, audits, wallets.

``app`` opens the register for the command line, the owner's page and the node. Everything here stays at the home; what
goes out are roots, salted commitments and digests. What a consent covers is decided in ``protocol/coverage``.
"""
