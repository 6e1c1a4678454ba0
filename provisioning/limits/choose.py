"""Which way of limiting seats this host allows, the best first."""

from __future__ import annotations

from provisioning.limits.cells import LimitBackend
from provisioning.limits.cgroup1 import find_cgroup1
from provisioning.limits.cgroup2 import find_cgroup2
from provisioning.limits.rlimits import ProcessLimits
from provisioning.limits.systemd import find_systemd


def choose_limits(workshop: str) -> LimitBackend:
    """The best backend here. No group is made before a seat needs one."""
    return (
        find_systemd(workshop)
        or find_cgroup2(workshop)
        or find_cgroup1(workshop)
        or ProcessLimits()
    )


def remove_all(workshop: str) -> None:
    """End and remove every cell of the workshop, whichever backend made it."""
    for backend in (find_systemd(workshop), find_cgroup2(workshop), find_cgroup1(workshop)):
        if backend:
            backend.remove_all()
