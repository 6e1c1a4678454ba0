"""Grading on the hosts that run seats (`grading: {workers: hosts}`): what `up` puts where.

The grader and its dispatcher are on the hub's host, a worker is on each host with seats; the
links carry what they say. What they do is in grader/scheduling; neither room imports the other.
"""
