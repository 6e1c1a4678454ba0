"""Commands, files and long jobs on hosts, over SSH with pinned host keys and deadlines."""
