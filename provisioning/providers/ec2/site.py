"""The ground that hosts stand on in one region, and the orders for a place there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from provisioning.fleet import WantedHost
from provisioning.providers.ec2.images import Images
from provisioning.providers.ec2.launch_request import LaunchRequest
from provisioning.providers.ec2.network import Network
from provisioning.providers.ec2.offerings import restrict
from provisioning.providers.ec2.placement import Candidate, candidates
from provisioning.providers.ec2.security_groups import Groups
from provisioning.providers.ec2.tags import deadline_text
from provisioning.providers.ec2.tokens import client_token


@dataclass(frozen=True)
class Site:
    """What all hosts of a workshop share. `uid` is the state folder's random id."""

    workshop: str
    spec: str
    uid: str
    region: str
    deadline: datetime
    network: Network
    groups: Groups
    key_name: str
    #: The zones that the spec allows; none are all.
    zones: tuple[str, ...]
    extendable_minutes: int = 0


@dataclass(frozen=True)
class Supply:
    """What AWS sells here: the zones that offer each type, and the image for each type."""

    offers: Mapping[str, tuple[str, ...]]
    images: Images


#: Asks AWS for the supply of all wanted hosts. Called from many threads.
AskSupply = Callable[[], Supply]


def requests_for(
    site: Site, supply: Supply, wanted: WantedHost, *, attempt: int, shift: int = 0
) -> tuple[LaunchRequest, ...]:
    """The orders to try for a place, best first; see `candidates` for `shift`."""
    found = candidates(wanted, usable_zones(site, supply), shift=shift)
    return tuple(_request(site, supply, wanted, attempt, candidate) for candidate in found)


def usable_zones(site: Site, supply: Supply) -> dict[str, tuple[str, ...]]:
    """The zones of each type that the spec allows and that have a public subnet."""
    allowed = restrict(supply.offers, site.zones)
    return {
        type_: tuple(zone for zone in zones if zone in site.network.subnets)
        for type_, zones in allowed.items()
    }


def _request(
    site: Site, supply: Supply, wanted: WantedHost, attempt: int, candidate: Candidate
) -> LaunchRequest:
    image = supply.images.of(candidate.type, wanted.image)
    return LaunchRequest(
        workshop=site.workshop,
        spec=site.spec,
        deadline=deadline_text(site.deadline),
        host=wanted.name,
        role=wanted.role,
        spare=wanted.spare,
        attempt=attempt,
        type=candidate.type,
        zone=candidate.zone,
        market=candidate.market,
        image=image.id,
        root_device=image.root_device,
        disk_gb=max(wanted.disk_gb, image.least_gb),
        subnet=site.network.subnets[candidate.zone],
        group=site.groups.of_role(wanted.role),
        key_name=site.key_name,
        token=client_token(
            workshop=site.workshop,
            uid=site.uid,
            host=wanted.name,
            attempt=attempt,
            where=(candidate.zone, candidate.type, candidate.market),
        ),
        uid=site.uid,
        region=site.region,
        extendable_minutes=site.extendable_minutes,
    )
