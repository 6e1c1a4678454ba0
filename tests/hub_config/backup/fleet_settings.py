"""A hub's settings on disk, with seats on two hosts: no host answers, and none is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hub_config.fleet.placement import write_seat_map
from hub_config.fleet.seat_map import Placement, SeatMap
from hub_config.settings import (
    BackupSettings,
    HubSettings,
    Ports,
    SeatHostSettings,
    SeatSettings,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKqXEvWqPyMlpW0lzbVfzIvIFFvVzR7YkTbZqJ6qO1rh"


def write_settings(folder: Path, seats: Mapping[str, str], *, minutes: float = 5) -> HubSettings:
    """`seats`: username to host. The settings file is hub/settings.json below `folder`."""
    hub = folder / "hub"
    for each in (hub, folder / "run"):
        each.mkdir(parents=True, exist_ok=True)
    hosts = sorted({host for host in seats.values() if host != "hub"} | {"spare-01"})
    settings = HubSettings(
        workshop="demo",
        course="nlp",
        bind="127.0.0.1",
        address="http://127.0.0.1:8000",
        ports=Ports(public=8000, hub=1, proxy_api=2, exchange=3, formgrader=4),
        state_home=folder,
        hub_folder=hub,
        homes=folder / "homes",
        library=folder / "lib",
        seats_file=folder / "seats.json",
        secrets_file=hub / "secrets.json",
        hub_python=Path("/usr/bin/python3"),
        certificate=None,
        certificate_key=None,
        seat=SeatSettings(
            isolation="accounts",
            memory_bytes=2**30,
            cpus=1,
            processes=100,
            environments=(),
            kernels=(),
            jupyter_path=(),
            config=folder / "seat-config",
        ),
        starts_at_once=2,
        idle_minutes=60,
        seat_hosts=tuple(
            SeatHostSettings(name=name, address="192.0.2.1", host_key=KEY) for name in hosts
        ),
        seat_map=hub / "seat-map.json",
        links=folder / "links",
        backup=BackupSettings(minutes=minutes),
        login=None,
        instructors=(),
        assistants=(),
        attendees=tuple(seats),
    )
    placements = tuple(
        Placement(name, host, None, 20000 + index, 70000 + index)
        for index, (name, host) in enumerate(seats.items())
    )
    write_seat_map(hub / "seat-map.json", SeatMap(placements))
    (hub / "settings.json").write_text(settings.model_dump_json())
    return settings
