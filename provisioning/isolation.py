"""How one seat is kept from another, and from everything of ours."""

from __future__ import annotations

from typing import Literal

from provisioning.errors import NotPossibleHere
from provisioning.machine import Machine

# "accounts": an account per seat, and a jail around it. "jail": the jail alone.
Isolation = Literal["accounts", "jail"]


def isolation(machine: Machine) -> Isolation:
    """What this machine can do, or NotPossibleHere: seats are never left unguarded."""
    jail = machine.bubblewrap
    if jail.path is None:
        raise NotPossibleHere(
            "seats can't be kept apart: bubblewrap isn't installed",
            next_step="apt-get install bubblewrap",
        )
    if jail.switched_off_by:
        name, _, off = jail.switched_off_by.partition("=")
        on = "0" if off == "1" else "1" if name.startswith("kernel.") else "10000"
        raise NotPossibleHere(
            f"seats can't be kept apart: {jail.switched_off_by} switches user namespaces off "
            f"(bubblewrap said: {jail.error})",
            next_step=f"as root: sysctl -w {name}={on}",
        )
    if not jail.works:
        raise NotPossibleHere(
            f"seats can't be kept apart: bubblewrap doesn't work here ({jail.error})",
            next_step="use a machine, or a container, that allows user namespaces and may "
            "mount /proc in them",
        )
    return "accounts" if machine.is_root else "jail"
