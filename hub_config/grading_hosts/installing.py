"""A worker on every host that grades, put there from the hub's host; all know each other's
certificates afterwards, and no private key has moved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from hub_config.fleet.host_script import run_there
from hub_config.fleet.links import command_on_host, link_files
from hub_config.grading_hosts.places import (
    dispatcher_folder,
    known_workers,
    worker_hosts,
    worker_settings,
)
from hub_config.grading_hosts.unit import install_script, unit_text
from hub_config.install import Owner, write_if_changed
from hub_config.settings import HubSettings, SeatHostSettings
from provisioning.errors import StepFailed, WorkshopError

_SECONDS = 300.0
_AT_ONCE = 16


@dataclass(frozen=True)
class GradingOrder:
    """`environments` is kernel name to identity, `certificate` the dispatcher's."""

    settings: HubSettings
    environments: Mapping[str, str]
    certificate: str
    dispatcher: Owner | None


@dataclass(frozen=True)
class GradingHosts:
    """What became of it. `changed`: the dispatcher must be started anew to believe them all."""

    changed: bool
    failed: dict[str, WorkshopError]


def ensure_grading_hosts(order: GradingOrder) -> GradingHosts:
    """All hosts at once. One that can't be reached keeps what was known about it.

    The links must be written; they need not be up.
    """
    settings = order.settings
    hosts = worker_hosts(settings)
    known = known_workers(settings.state_home)
    found = {host.name: known[host.name] for host in hosts if host.name in known}
    failed: dict[str, WorkshopError] = {}

    def ensure(host: SeatHostSettings) -> None:
        try:
            found[host.name] = _ensure(order, host)
        except StepFailed as error:
            text = f"{host.name} does not grade: {error.message}"
            failed[host.name] = StepFailed(text, next_step=error.next_step)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(ensure, hosts))
    return GradingHosts(_remember(order, found), failed)


def _ensure(order: GradingOrder, host: SeatHostSettings) -> dict[str, Any]:
    settings = order.settings
    told = worker_settings(settings, host, order.environments)
    files = {
        "settings.json": told.encode(),
        "believed.pem": order.certificate.encode(),
        "unit": unit_text(settings, told).encode(),
    }
    there = command_on_host(host.name, link_files(settings))
    said = run_there(there, files, install_script(settings, host.name), seconds=_SECONDS)
    certificate, _, slots = said.rpartition("slots ")
    if "BEGIN CERTIFICATE" not in certificate or not slots.strip().isdigit():
        raise StepFailed(f"it answers {said[-100:]!r}", next_step="workshop up again")
    return {"certificate": certificate, "slots": int(slots)}


def _remember(order: GradingOrder, found: Mapping[str, Any]) -> bool:
    """For the grader (how many at once) and for the dispatcher (whom to believe)."""
    folder = dispatcher_folder(order.settings.state_home)
    write_if_changed(folder / "workers.json", json.dumps(found, indent=2, sort_keys=True) + "\n")
    believed = sorted({order.certificate, *(each["certificate"] for each in found.values())})
    file = folder / "keys" / "believed.pem"
    changed = write_if_changed(file, "".join(believed))
    if order.dispatcher:
        for path in (file, folder / "workers.json"):
            os.chown(path, order.dispatcher.uid, order.dispatcher.gid)
    return changed
