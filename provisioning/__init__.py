"""Hosts and what is on them: state folders, accounts, limits and environments."""
