"""Environments: read a conda environment file, lock it, build it, verify it."""
