"""What workshops have left in an AWS account, in every region: those that crashed, and others.

`sweep` only reports. A workshop whose deadline is still to come is somebody's class: to take it
down, `end_workshop` has to be told that it is meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from provisioning.catalogue.money import Range
from provisioning.errors import AlreadyTaken, NotPossibleHere
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.inventory import Blind, look
from provisioning.providers.ec2.kinds import Found
from provisioning.providers.ec2.left import hourly_of_all
from provisioning.providers.ec2.regions import enabled_regions
from provisioning.providers.ec2.teardown import Teardown, take_down
from provisioning.providers.protocol import Inventory, Progress


@dataclass(frozen=True)
class Leftover:
    """Everything that one workshop has in the account now."""

    workshop: str
    things: tuple[Found, ...]
    #: When this was seen.
    at: datetime

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(sorted({thing.region for thing in self.things}))

    @property
    def hosts(self) -> tuple[Found, ...]:
        return tuple(thing for thing in self.things if thing.kind == "instance")

    @property
    def age(self) -> timedelta | None:
        """Of the oldest thing; None if AWS tells of none of them when it was made."""
        made = [thing.since for thing in self.things if thing.since]
        return self.at - min(made) if made else None

    @property
    def deadline(self) -> datetime | None:
        """The latest that any of its tags tells."""
        return max((thing.deadline for thing in self.things if thing.deadline), default=None)

    @property
    def latest(self) -> datetime | None:
        """Until when its hosts may live if staff have extended them from the wall, which no tag
        tells; the deadline itself for one without hosts."""
        ends = (host.deadline + host.extendable for host in self.hosts if host.deadline)
        return max(ends, default=self.deadline)

    @property
    def alive(self) -> bool:
        """Its deadline is still to come, or may be, or it has hosts and nobody knows until when."""
        if self.deadline is None:
            return bool(self.hosts)
        return max(self.deadline, self.latest or self.deadline) > self.at

    @property
    def until(self) -> str:
        """The deadline in words; with how late it can be, once the one that tags tell is past."""
        if self.deadline is None:
            return ""
        told = f"{self.deadline.astimezone(UTC):%Y-%m-%d %H:%M}"
        if self.latest is None or not self.deadline <= self.at < self.latest:
            return told
        return f"{told}, by the wall at most {self.latest.astimezone(UTC):%H:%M}"

    @property
    def hourly(self) -> Range:
        """US dollars, as far as prices are known."""
        return hourly_of_all(self.things)


@dataclass(frozen=True)
class Sweep:
    """What was found, the dearest first, and where nobody could look."""

    leftovers: tuple[Leftover, ...]
    regions: tuple[str, ...]
    blind: tuple[Blind, ...]

    @property
    def over(self) -> tuple[Leftover, ...]:
        """The workshops that nobody can need any more."""
        return tuple(one for one in self.leftovers if not one.alive)

    def of(self, workshop: str) -> Leftover | None:
        return next((one for one in self.leftovers if one.workshop == workshop), None)


def sweep(aws: Aws, *, now: datetime, regions: Iterable[str] = ()) -> Sweep:
    """Look for all workshops in these regions, or in all that the account may use.

    Raises: NoCredentials; AwsError or AnswerLost when not even the regions could be listed.
    """
    regions = tuple(regions) or enabled_regions(aws)
    seen = look([aws.elsewhere(region) for region in regions])
    names = sorted({thing.workshop for thing in seen.found})
    leftovers = [
        Leftover(name, tuple(one for one in seen.found if one.workshop == name), now)
        for name in names
    ]
    leftovers.sort(key=lambda one: one.hourly.high, reverse=True)
    return Sweep(tuple(leftovers), regions, seen.blind)


def end_workshop(
    order: Teardown, found: Sweep, progress: Progress, *, even_if_alive: bool = False
) -> Inventory:
    """Take down `order.workshop`, which the sweep has found.

    Looks wherever the sweep looked, not only where it found something.

    Raises: NotPossibleHere if the sweep found no such; AlreadyTaken if it is alive and
    `even_if_alive` isn't set; and whatever `take_down` raises.
    """
    leftover = found.of(order.workshop)
    if leftover is None:
        names = ", ".join(one.workshop for one in found.leftovers) or "none"
        raise NotPossibleHere(
            f"No workshop {order.workshop} was found in {len(found.regions)} regions; "
            f"workshops there: {names}",
            next_step="workshop sweep",
        )
    if leftover.alive and not even_if_alive:
        raise _alive(leftover)
    return take_down(replace(order, regions=found.regions), progress)


def _alive(leftover: Leftover) -> AlreadyTaken:
    until = f"{leftover.until} UTC" if leftover.until else "nobody knows"
    number = len(leftover.hosts)
    return AlreadyTaken(
        f"{leftover.workshop} is alive: {number} host{'' if number == 1 else 's'}, "
        f"deadline {until}. Nothing was touched",
        next_step="workshop down, where it was brought up; or name it again with --alive "
        "if you are sure that nobody needs it",
    )
