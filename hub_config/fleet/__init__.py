"""Seats on many hosts, as the hub host sees them: who sits where, the links there, the watch."""
