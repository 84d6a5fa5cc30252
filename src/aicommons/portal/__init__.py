"""The owner's page: served by this process on loopback, for the people who answer for a home's data."""
