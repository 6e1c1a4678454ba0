"""A workshop as values for the Zero to JupyterHub chart, for whoever has outgrown one hub."""
