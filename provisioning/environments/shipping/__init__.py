"""Bring a packed environment to every host, prove it there, and see when hosts drift apart."""
