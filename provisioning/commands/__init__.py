"""The commands about hosts and environments: what they ask, print and refuse."""
