"""Figures of a model over held-out rows, from secure sums: one module for each kind of target, called by ``evaluation``."""
