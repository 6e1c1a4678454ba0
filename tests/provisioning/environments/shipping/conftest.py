"""Small fleets on this machine, and small archives for them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.environments.shipping.outcome import Shipped
from provisioning.environments.shipping.ship import ShipOptions, ship
from tests.provisioning.environments.shipping.local_hosts import LocalFleet, LocalHost, own_address
from tests.provisioning.environments.shipping.tiny_archive import Wanted, pack_tiny


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder that every account may enter: environments are tried as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="workshop-ship-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def fleet(top: Path) -> Iterator[Callable[[int], LocalFleet]]:
    """Makes a fleet of so many hosts: a, b, c, ..."""
    made: list[LocalFleet] = []

    def make(count: int) -> LocalFleet:
        root = top / "opt"
        root.mkdir(exist_ok=True)
        disks = Path(tempfile.mkdtemp(dir=top))
        disks.chmod(0o755)
        hosts = {}
        for number, name in enumerate("abcdefgh"[:count], 1):
            disk = disks / name
            disk.mkdir()
            hosts[name] = LocalHost(name, own_address(number), disk, root)
        made.append(LocalFleet(root, hosts))
        return made[-1]

    yield make
    for each in (host for one in made for host in one.hosts.values()):
        each.kill()
        subprocess.run(["umount", "-q", each.disk], check=False)  # if it was given a disk


@pytest.fixture
def pack(top: Path) -> Callable[..., Path]:
    """Packs a tiny environment; options are those of Wanted."""

    def make(**options: Any) -> Path:
        folder = Path(tempfile.mkdtemp(dir=top))
        return pack_tiny(Wanted(top / "opt/environments", **options), folder)

    return make


@pytest.fixture
def send() -> Callable[..., Shipped]:
    """Ships an archive to a local fleet, within a minute; options are those of ShipOptions."""

    def run(archive: Path, fleet: LocalFleet, *names: str, **options: Any) -> Shipped:
        reachable = options.pop("reachable", True)
        progress = options.pop("progress", lambda *told: None)
        hosts = fleet.ship_hosts(*names, reachable=reachable)
        chosen = ShipOptions(**{"start": fleet.start, "seconds": 60, **options})
        return ship(archive, hosts, options=chosen, progress=progress)

    return run
