"""The environments that belong on a fleet's hosts: packed here if need be, shipped, verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.environments.conda.build import Built, ensure_built
from provisioning.environments.conda.channels import Channels, Sources
from provisioning.environments.conda.lock_file import lock_path, read_lock_of
from provisioning.environments.conda.pack import ensure_packed
from provisioning.environments.conda.platforms import Platform, platform_of
from provisioning.environments.files import read_environment_file
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.errors import StepFailed, WorkshopError
from provisioning.fleet import Architecture
from provisioning.paths import StatePaths
from provisioning.providers.protocol import Progress


@dataclass(frozen=True)
class Depot:
    """Where environments come from and where they are kept on this computer."""

    paths: StatePaths
    #: The conda environment file of a name.
    file_of: Callable[[str], Path]
    channels: Channels

    @property
    def sources(self) -> Sources:
        return Sources(self.channels, self.paths.root / "cache" / "conda")

    def platform(self, name: str, architecture: Architecture, *, gpu: bool) -> Platform:
        """The variant for a machine: the one for GPUs where it is locked and there is one."""
        with_gpu = platform_of(architecture, gpu=True)
        file = read_environment_file(self.file_of(name))
        if gpu and lock_path(file, with_gpu).exists():
            return with_gpu
        return platform_of(architecture, gpu=False)

    def archive(self, name: str, platform: Platform, progress: Progress) -> Path:
        """The packed environment, built and packed first unless it is there."""

        built = self.built(name, platform, progress)
        return ensure_packed(built, self.paths.archives, progress=stage(progress, f"pack {name}"))

    def built(self, name: str, platform: Platform, progress: Progress) -> Built:
        """The environment in a folder of this computer, built unless it is there."""
        lock = read_lock_of(read_environment_file(self.file_of(name)), platform)
        return ensure_built(
            lock,
            self.paths.root / "built",
            self.sources,
            progress=stage(progress, f"build {name}"),
        )


def stage(progress: Progress, name: str) -> Callable[[str, int, int, str], None]:
    """Progress of one piece of work, told as one stage with what it does now."""

    def tell(what: str, done: int, total: int, note: str) -> None:
        progress(name, done, total, note or what)

    return tell


def in_megabytes(progress: Progress) -> Progress:
    """Bytes are for machines; and a host that is up is a stage that has ended."""

    def tell(name: str, done: int, total: int, note: str) -> None:
        whole = max(1, round(total / 1e6))
        # Rounded down, so that the last megabyte is only counted when it is there.
        progress(f"ship {name}", whole if done >= total else int(done / 1e6), whole, f"MB, {note}")

    return tell


@dataclass(frozen=True)
class Recipient:
    """A host, what kind of machine it is, and which environments belong on it."""

    host: ShipHost
    architecture: Architecture
    gpu: bool
    environments: tuple[str, ...]


def deliver(
    depot: Depot, recipients: Mapping[str, Recipient], progress: Progress
) -> dict[str, WorkshopError]:
    """Every environment on every host it belongs on, one environment after the other.

    Returns the hosts that lack one, each with the first reason.
    """
    lacking: dict[str, WorkshopError] = {}
    for name, platform, hosts in loads(depot, recipients):
        try:
            archive = depot.archive(name, platform, progress)
            told = in_megabytes(progress)
            shipped = ship(archive, hosts, options=ShipOptions(), progress=told)
        except WorkshopError as error:
            lacking |= {host: error for host in hosts if host not in lacking}
            continue
        for host in shipped.lacking:
            problem = shipped.outcomes[host].problem
            lacking.setdefault(host, problem or StepFailed(f"{host} lacks {name}"))
    return lacking


def loads(
    depot: Depot, recipients: Mapping[str, Recipient]
) -> Iterable[tuple[str, Platform, dict[str, ShipHost]]]:
    """Which environment in which variant goes to which hosts."""
    loads: dict[tuple[str, Platform], dict[str, ShipHost]] = {}
    for host, each in recipients.items():
        for name in each.environments:
            platform = depot.platform(name, each.architecture, gpu=each.gpu)
            loads.setdefault((name, platform), {})[host] = each.host
    return [(name, platform, hosts) for (name, platform), hosts in loads.items()]
