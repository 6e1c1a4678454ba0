"""The Arm service on every Arm host, put there from the hub's host."""

from __future__ import annotations

from hub_config.arm_hosts.addresses import arm_hosts, arm_port_of
from hub_config.arm_hosts.unit import INSTALL, files_of, service_code
from hub_config.fleet.host_script import run_there
from hub_config.fleet.links import command_on_host, link_files
from hub_config.settings import HubSettings, SeatHostSettings, Secrets
from provisioning.errors import StepFailed, WorkshopError

_SECONDS = 300.0


def ensure_arm_hosts(settings: HubSettings, secrets: Secrets) -> dict[str, WorkshopError]:
    """Each Arm host that has no service for this workshop gets one; the reasons of those that
    can't. The links must be written; they need not be up."""
    failed: dict[str, WorkshopError] = {}
    for host in arm_hosts(settings):
        try:
            _ensure(settings, secrets, host)
        except StepFailed as error:
            failed[host.name] = StepFailed(
                f"{host.name} serves no sessions for the lab on deployment: {error.message}",
                next_step=error.next_step,
            )
    return failed


def _ensure(settings: HubSettings, secrets: Secrets, host: SeatHostSettings) -> None:
    port = arm_port_of(settings, host)
    if port is None:
        return
    files = files_of(service_code(settings.library), secrets.arm, port)
    there = command_on_host(host.name, link_files(settings))
    run_there(there, files, INSTALL, seconds=_SECONDS)
