"""What must be in a region before a host can be: doors, key, and knowledge of what is sold."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from provisioning.fleet import WantedHost
from provisioning.fleet_state import FleetState
from provisioning.journal import Journal
from provisioning.providers.ec2.access import access_ranges
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.images import ensure_images
from provisioning.providers.ec2.key_pair import KeyPairKeeper
from provisioning.providers.ec2.network import Network, default_network
from provisioning.providers.ec2.observe import View
from provisioning.providers.ec2.offerings import zones_offering
from provisioning.providers.ec2.order import Ec2Order, Surroundings
from provisioning.providers.ec2.security_groups import Entry, GroupKeeper
from provisioning.providers.ec2.site import Site, Supply
from provisioning.providers.ec2.tags import Mark


@dataclass(frozen=True)
class Ground:
    """Makes and repairs the ground of one workshop."""

    order: Ec2Order
    state: FleetState
    aws: Aws
    calls: Calls
    journal: Journal
    around: Surroundings

    def ensure(self, view: View) -> Site:
        """Groups with today's access, and the key pair. `view` tells the fleet's deadline."""
        order, deadline = self.order, self._deadline(view)
        network = self._network()
        groups = self._keeper(network.vpc, deadline).ensure(self._entry())
        keys = KeyPairKeeper(self.calls, self.journal, self._mark(deadline))
        return Site(
            workshop=order.workshop,
            spec=order.spec_hash,
            uid=self.state.uid(),
            region=self.calls.region,
            deadline=deadline,
            network=network,
            groups=groups,
            key_name=keys.ensure(self.state.ensure_key()),
            zones=order.hosts.zones,
            extendable_minutes=round(60 * order.hosts.extend_hours),
        )

    def refresh_access(self, view: View) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Doors open to where people are now and nobody else: the ranges before and after."""
        keeper = self._keeper(self._network().vpc, self._deadline(view))
        before, entry = keeper.access(), self._entry()
        keeper.ensure(entry)
        return before, entry.access

    def _network(self) -> Network:
        return self.calls.patiently(lambda: default_network(self.aws))

    def _keeper(self, vpc: str, deadline: datetime) -> GroupKeeper:
        return GroupKeeper(self.calls, self.journal, self._mark(deadline), vpc)

    def _entry(self) -> Entry:
        ranges = access_ranges(self.order.hosts.access, self.around.my_address)
        return Entry(ranges, self.order.hub_port)

    def _mark(self, deadline: datetime) -> Mark:
        return Mark(self.order.workshop, self.order.spec_hash, deadline)

    def _deadline(self, view: View) -> datetime:
        """New hosts end when those that are there do; the first ones after the spec's hours."""
        now = self.around.clock()
        noted = [one.mark.deadline for one in view.instances if one.live and one.mark.deadline]
        latest = max(noted, default=now)
        return latest if latest > now else now + timedelta(hours=self.order.hosts.hours)


@dataclass
class SupplyDesk:
    """Asks AWS what it sells, once, when the first order needs it. Used from many threads."""

    aws: Aws
    calls: Calls
    journal: Journal
    around: Surroundings
    wanted: tuple[WantedHost, ...]
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _answer: Supply | None = None

    def __call__(self) -> Supply:
        """For all wanted hosts together. Raises: NotPossibleHere without an image, AwsError."""
        with self._asking:
            if self._answer is None:
                self._answer = self.calls.patiently(self._ask)
            return self._answer

    def _ask(self) -> Supply:
        offers = zones_offering(self.aws, {t for one in self.wanted for t in one.types})
        now = self.around.clock()
        return Supply(offers, ensure_images(self.aws, self.wanted, self.journal, now=now))
