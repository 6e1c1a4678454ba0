"""Environments from conda channels: lock, build and pack them for machines other than this one."""
