"""Secure aggregation, profile A: one masked vector per participant, mask sums by committee columns."""
