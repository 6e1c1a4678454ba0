"""Submissions over HTTP: the service, its store, and the nbgrader plug-ins that talk to it."""
