"""Typed access to every contract, written from ABI and NatSpec by ``contracts/build.py`` and checked against them."""
