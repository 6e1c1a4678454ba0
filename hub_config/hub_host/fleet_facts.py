"""What the hosts cost and when they end, told to the hub host: the wall shows it there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from hub_config.hub_host.bringing_up import HubOrder
from hub_config.hub_host.hub_host import HubHost
from provisioning.catalogue.money import Range, exactly, total
from provisioning.costs import hourly, unpriced
from provisioning.fleet import Fleet, Host

NAME = "fleet-facts.json"


def fleet_facts(fleet: Fleet, disks: Mapping[str, int], now: datetime) -> str | None:
    """JSON: US dollars an hour and so far, each from and to; None for hosts that have no price.

    What was spent is told as it is now, with the time: hosts did not all begin at once.
    """
    if not any(host.type for host in fleet.hosts):
        return None
    cost = hourly(fleet, disks)
    spent = total(_spent(host, disks, now) for host in fleet.hosts)
    deadlines = [host.deadline for host in fleet.hosts if host.deadline is not None]
    told = {
        "at": now.isoformat(),
        "hourly_dollars": [cost.low, cost.high],
        "spent_dollars": [spent.low, spent.high],
        "deadline": min(deadlines).isoformat() if deadlines else None,
        "unpriced": list(unpriced(fleet)),
    }
    return json.dumps(told, indent=1) + "\n"


def tell_fleet(order: HubOrder, hub: HubHost, fleet: Fleet, now: datetime) -> None:
    """Leave the facts on the hub host. Raises the SSH room's errors."""
    facts = fleet_facts(fleet, {each.name: each.disk_gb for each in order.desk.wanted}, now)
    if facts is not None:
        hub.connection.put_bytes(facts.encode(), str(hub.paths.hub / NAME), seconds=60, mode=0o600)


def _spent(host: Host, disks: Mapping[str, int], now: datetime) -> Range:
    if host.launched_at is None:
        return exactly(0)
    hours = max(0.0, (now - host.launched_at).total_seconds() / 3600)
    return hourly(Fleet("", (host,)), disks).times(hours)
