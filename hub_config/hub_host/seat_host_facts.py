"""What the hub host must know of the hosts with seats: how to reach each, and what it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hub_config.settings import SeatHostSettings
from provisioning.errors import WorkshopError
from provisioning.fleet import Host
from provisioning.fleet_desk import FleetDesk, hardware
from provisioning.fleet_up import FleetUp


def seat_host_facts(
    desk: FleetDesk, up: FleetUp, before: Iterable[SeatHostSettings] = ()
) -> tuple[SeatHostSettings, ...]:
    """Every place but the hub's own, also of a host that is ill or away now: the seats on it stay
    its own until it is replaced. `before`: what was known of them last time."""
    found = {each.name: each for each in _facts(desk, up)}
    known = {each.name: each for each in before}
    kept = {**known, **{name: each for name, each in found.items() if name in up.ready}}
    kept = {**found, **kept}
    return tuple(kept[place.name] for place in desk.wanted if place.name in kept)


def _facts(desk: FleetDesk, up: FleetUp) -> Iterator[SeatHostSettings]:
    for host in up.fleet.hosts:
        key = _host_key(desk, host)
        if host.role == "hub" or host.address is None or key is None:
            continue
        place, ready = desk.place(host.name), up.ready.get(host.name)
        yield SeatHostSettings(
            name=host.name,
            address=host.private_address or host.address.host,
            port=host.address.port,
            user="root",
            host_key=key,
            role=host.role,
            gpus=len(ready.gpus) if ready else hardware(host, place).gpus,
            memory_bytes=ready.memory_bytes if ready else 0,
            spare=place.spare,
        )


def _host_key(desk: FleetDesk, host: Host) -> str | None:
    """The key that the host made itself; none for one that nobody has met."""
    try:
        keys = desk.threshold.login(host).host_keys
    except WorkshopError:
        return None
    return desk.threshold.keys.pinned(host.name, host.attempt) or keys[0]
