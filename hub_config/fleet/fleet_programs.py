"""The programs that run seats: this host's service, the links to other hosts, watch and backup."""

from __future__ import annotations

from pathlib import Path

from hub_config.fleet.linking import program_name
from hub_config.fleet.links import link_command, link_files
from hub_config.program import Program, program_environment
from hub_config.settings import HubSettings


def fleet_programs(settings: HubSettings) -> tuple[Program, ...]:
    """None where the hub itself starts all seats."""
    own = (seats(settings),) if settings.seats_socket else ()
    linked = settings.seat_hosts if settings.links is not None else ()
    links = tuple(link(settings, host.name) for host in linked if host.role != "hub")
    watching = (watch(settings),) if own or links else ()
    return (*own, *links, *watching, *((backup(settings),) if links else ()))


def service_file(settings: HubSettings) -> Path:
    """What this host's service is told."""
    return settings.hub_folder / "seats-service.json"


def seats(settings: HubSettings) -> Program:
    """The service that runs this host's seats. They outlive it, and the next one finds them."""
    argv = ("-m", "hub_config.seat_host.service", "--settings", str(service_file(settings)))
    return Program(
        name="seats",
        argv=(str(settings.hub_python), *argv),
        environment=program_environment(settings, {}),
        folder=settings.state_home,
        order=12,
        ends_children=False,
    )


def link(settings: HubSettings, host: str) -> Program:
    """An SSH client, connected again whenever its host is back."""
    return Program(
        name=program_name(host),
        argv=link_command(host, link_files(settings)),
        environment=program_environment(settings, {}),
        folder=settings.state_home,
        order=15,
    )


def watch(settings: HubSettings) -> Program:
    """Notices a host's death, and has its seats moved where there is a spare."""
    told = str(settings.hub_folder / "settings.json")
    return Program(
        name="watch",
        argv=(str(settings.hub_python), "-m", "hub_config.fleet.watch", told),
        environment=program_environment(settings, {}),
        folder=settings.state_home,
        order=35,
    )


def backup(settings: HubSettings) -> Program:
    """Copies homes from the hosts to this one."""
    told = str(settings.hub_folder / "settings.json")
    return Program(
        name="backup",
        argv=(str(settings.hub_python), "-m", "hub_config.backup", "run", told),
        environment=program_environment(settings, {}),
        folder=settings.state_home,
        order=55,
    )
