"""The hub's tables and the gradebook on a PostgreSQL server, instead of in files."""
