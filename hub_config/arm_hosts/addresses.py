"""Where each seat finds its Arm machine, on whichever host the seat is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from hub_config.settings import HubSettings, SeatHostSettings, Secrets
from provisioning.arm.keys import seat_key

LOOPBACK = "127.0.0.1"
#: The first Arm host is reached at this port of every host's loopback, the second at the next
#: one. Seats' servers are at 20000 and on.
FIRST_PORT = 29100


def arm_hosts(settings: HubSettings) -> tuple[SeatHostSettings, ...]:
    """Those that seats use; a spare waits. Without links nobody gets there."""
    if settings.links is None:
        return ()
    return tuple(each for each in settings.seat_hosts if each.role == "arm" and not each.spare)


def arm_ports(settings: HubSettings) -> tuple[int, ...]:
    """The loopback ports at which seats find Arm machines, the same on every host."""
    there = arm_hosts(settings)
    if there:
        return tuple(FIRST_PORT + number for number in range(len(there)))
    return (settings.ports.arm,) if settings.arm_root is not None else ()


def arm_port_of(settings: HubSettings, host: SeatHostSettings) -> int | None:
    """The port of one Arm host, there and on every other host; None for a spare."""
    found = zip(arm_hosts(settings), arm_ports(settings), strict=False)
    return next((port for each, port in found if each.name == host.name), None)


def arm_address(settings: HubSettings, secrets: Secrets, username: str) -> dict[str, str]:
    """What a seat is told: an address and a key of its own; nothing where there is no machine.

    A seat keeps its machine however often it starts.
    """
    ports = arm_ports(settings)
    if not ports or not secrets.arm:
        return {}
    number = int.from_bytes(hashlib.sha256(username.encode()).digest()[:4], "big")
    return {
        "WORKSHOP_ARM_RPC": f"{LOOPBACK}:{ports[number % len(ports)]}",
        "WORKSHOP_ARM_KEY": seat_key(secrets.arm, username),
    }


def arm_environment(settings: HubSettings, secrets: Secrets) -> dict[str, Callable[[Any], str]]:
    """The same for JupyterHub, which asks anew for each spawner that starts."""

    def asked(name: str) -> Callable[[Any], str]:
        return lambda spawner: arm_address(settings, secrets, spawner.user.name)[name]

    return {name: asked(name) for name in arm_address(settings, secrets, "somebody")}
