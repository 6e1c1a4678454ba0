"""How long a fleet takes to be ready, against its slowest host."""
