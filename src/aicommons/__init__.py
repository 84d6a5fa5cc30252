"""AI Commons: learn together from data that never leaves its owner.

Public names are what ``__all__`` lists; everything else may change any day.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
