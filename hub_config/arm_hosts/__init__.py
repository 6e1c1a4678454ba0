"""Hosts with an Arm processor: which seat uses which, how it gets there, and what is on them.

A service on such a host listens on that host's loopback only; the hub's links lead there.
Without such hosts an emulated machine on the hub's host takes their place.
"""
