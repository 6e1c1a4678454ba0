"""What the commands do with a whole fleet: up, replace one, start again. Hosts first, then what
belongs on them; a host that lacks an environment is not ready."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from provisioning.catalogue.instance_types import read_catalogue
from provisioning.deadlines import ensure_known
from provisioning.environments.delivery import Recipient, deliver, loads
from provisioning.environments.manifest import manifest_for
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.errors import WorkshopError
from provisioning.fleet import Fleet
from provisioning.fleet_desk import FleetDesk
from provisioning.fleet_up import FleetUp, bring_up_fleet, make_hosts_ready, replace_host
from provisioning.gpu_probe import probe_gpu
from provisioning.providers.protocol import Progress


def up_whole(desk: FleetDesk, progress: Progress) -> FleetUp:
    """Every host there, ready and furnished, or a reason for each that is not.

    Environments come first: one that can't be built is found out before anything costs money.
    """
    _pack(desk, progress)
    _learn_deadline(desk, progress)
    return _furnish(desk, bring_up_fleet(desk.order, progress), progress)


def replace_one(desk: FleetDesk, name: str, progress: Progress) -> FleetUp:
    """Another machine in the place `name`, ready and furnished like the one before."""
    _learn_deadline(desk, progress)
    return _furnish(desk, replace_host(desk.order, desk.place(name), progress), progress)


def start_again(desk: FleetDesk, names: tuple[str, ...], progress: Progress) -> FleetUp:
    """Stopped hosts run and answer again, wherever they are now."""
    fleet = desk.provider.observe()
    chosen = names or tuple(each.name for each in fleet.hosts if each.state == "stopped")
    if not chosen:
        return FleetUp(fleet, {})
    started = desk.provider.start(chosen, progress)
    hosts = tuple(each for each in started.hosts if each.name in chosen)
    return make_hosts_ready(desk.order, Fleet(fleet.workshop, hosts), progress)


def _learn_deadline(desk: FleetDesk, progress: Progress) -> None:
    """New hosts end with the others: also where staff have extended from the wall."""
    moved = ensure_known(desk)
    if moved is not None:
        progress("deadline", 1, 1, f"moved from the wall, to {moved:%Y-%m-%d %H:%M} UTC")


def _pack(desk: FleetDesk, progress: Progress) -> None:
    depot, types = desk.request.depot, read_catalogue().types
    variants = {
        (name, depot.platform(name, kind.architecture, gpu=kind.gpus > 0))
        for place in desk.wanted
        for kind in (types[each] for each in place.types[:1])
        for name in place.environments
    }
    for name, platform in sorted(variants, key=lambda each: (each[0], each[1].name)):
        depot.archive(name, platform, progress)


def _furnish(desk: FleetDesk, up: FleetUp, progress: Progress) -> FleetUp:
    recipients = {
        host.name: Recipient(
            ShipHost(desk.threshold.login(host), host.private_address),
            up.ready[host.name].architecture,
            gpu=bool(up.ready[host.name].gpus),
            environments=desk.place(host.name).environments,
        )
        for host in up.fleet.hosts
        if host.name in up.ready
    }
    lacking = deliver(desk.request.depot, recipients, progress)
    lacking |= _without_gpu(desk, recipients, lacking, progress)
    ready = {name: each for name, each in up.ready.items() if name not in lacking}
    return replace(up, ready=ready, problems={**up.problems, **lacking})


def _without_gpu(
    desk: FleetDesk,
    recipients: Mapping[str, Recipient],
    lacking: Collection[str],
    progress: Progress,
) -> dict[str, WorkshopError]:
    """Hosts with a GPU on which an environment that belongs there can't compute."""
    depot = desk.request.depot
    asked = {name: each for name, each in recipients.items() if each.gpu and name not in lacking}
    found: dict[str, WorkshopError] = {}
    for name, platform, hosts in loads(depot, asked):
        manifest = manifest_for(depot.archive(name, platform, progress))
        found |= probe_gpu(manifest, {host: each.login for host, each in hosts.items()})
    return found
