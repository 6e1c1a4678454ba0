"""What is left in the account: a look into moto's tables, past the API and past its faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.cloud.region import Region


@dataclass(frozen=True)
class Left:
    """One thing that was not there in a fresh account."""

    kind: str
    id: str
    region: str
    state: str
    tags: dict[str, str]


def left_in(region: Region) -> Iterator[Left]:
    """Everything that costs money or is in the way; terminated instances are neither."""
    for kind, thing, state in _things(region.backend):
        name = getattr(thing, "id", "") or getattr(thing, "allocation_id", "")
        tags = {tag["key"]: tag["value"] for tag in thing.get_tags()}
        yield Left(kind, name, region.name, state, tags)


def _things(backend: Any) -> Iterator[tuple[str, Any, str]]:
    """Kind, thing and state, of what is not there in a fresh account."""
    for kind, things in tables(backend).items():
        for thing in things:
            state = str(getattr(thing, "state", getattr(thing, "status", "")))
            if _counts(kind, thing, state, backend.account_id):
                yield kind, thing, state


def tables(backend: Any) -> dict[str, list[Any]]:
    """Everything of the kinds that a workshop may make, by kind."""
    reservations = backend.reservations.values()
    return {
        "instance": [instance for one in reservations for instance in one.instances],
        "volume": list(backend.volumes.values()),
        "network-interface": list(backend.enis.values()),
        "address": list(backend.addresses),
        "security-group": [group for one in backend.groups.values() for group in one.values()],
        "key-pair": list(backend.key_pairs.values()),
        "launch-template": list(backend.launch_templates.values()),
        "spot-request": list(backend.spot_instance_requests.values()),
        "image": list(backend.amis.values()),
        "snapshot": list(backend.snapshots.values()),
    }


def _counts(kind: str, thing: Any, state: str, account: str) -> bool:
    match kind:
        case "instance":
            return state != "terminated"
        case "security-group":
            return bool(thing.name != "default")
        case "spot-request":
            return state in ("open", "active")
        case "image" | "snapshot":
            return bool(thing.owner_id == account)
        case _:
            return True
