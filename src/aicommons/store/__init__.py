"""The store carries bytes addressed by content; it is never trusted: every get is checked against its digest."""
