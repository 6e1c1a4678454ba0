"""The end of a workshop's things on EC2, in rounds: look, end what can be ended, look again.

The look is the inventory, so the last one is the proof: it found nothing, in every region and
of every kind. A round can be cut off anywhere; the next one, or the next command, goes on from
what it finds. Nothing here needs a file of ours. With the journal it knows more: which regions
were used, and which launches never got an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from provisioning.errors import WorkshopError
from provisioning.journal import Journal, utc_now
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.beyond_tags import (
    followers,
    launched,
    launches_in_doubt,
    still_there,
)
from provisioning.providers.ec2.ending import end_each, end_groups, end_together, is_passing
from provisioning.providers.ec2.errors import AnswerLost, AwsError
from provisioning.providers.ec2.inventory import (
    Blind,
    Look,
    NotLookedAt,
    inventory_of,
    list_kind,
    look,
    tagged_regions,
)
from provisioning.providers.ec2.kinds import KINDS, Found
from provisioning.providers.ec2.left import SomethingLeft, who_else_uses
from provisioning.providers.ec2.pace import Pace
from provisioning.providers.ec2.regions import FOLLOWERS, enabled_regions, last_making, regions_in
from provisioning.providers.protocol import Inventory, Progress

_INSTANCE = next(kind for kind in KINDS if kind.name == "instance")
#: What makes other things, or uses them: the rest waits until it is gone.
_FIRST = ("spot-instances-request", "instance")


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds."""

    #: Until an instance is terminated; those with many GPUs take minutes.
    instances: float = 900
    #: Without any change, while something could still change by itself.
    standstill: float = 120
    #: How long a host that was ordered may stay invisible.
    # https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    unseen: float = 120
    #: The same for everything else, which nothing but its tag leads to.
    quiet: float = 10
    #: For all rounds together.
    total: float = 3600


@dataclass(frozen=True)
class Teardown:
    """Which workshop to end, in whose account, and what is known about it here."""

    workshop: str
    aws: Aws
    #: May be empty: then every region of the account is looked at.
    journal: Journal
    #: Named by a person: look there and nowhere else.
    regions: tuple[str, ...] = ()
    patience: Patience = field(default_factory=Patience)
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], datetime] = utc_now


def take_down(order: Teardown, progress: Progress) -> Inventory:
    """End everything that belongs to the workshop, and prove it. Can be killed and repeated.

    Raises: SomethingLeft with what, why, and its price; NotLookedAt; NoCredentials; AwsError or
    AnswerLost when not even the regions could be listed.
    """
    regions, known = _where(order)
    progress("regions", len(regions), len(regions), ", ".join(regions))
    return _Rounds(order, regions, progress, blindly=not known).run()


def _where(order: Teardown) -> tuple[tuple[str, ...], bool]:
    """Regions to look at, and whether the journal knows what was made there."""
    used = regions_in(order.journal.entries())
    if order.regions:
        return order.regions, set(order.regions) <= set(used)
    if not used:
        return enabled_regions(order.aws), False
    try:
        # A copy made by hand, or what an older journal knew, may be anywhere.
        others = [region for region in enabled_regions(order.aws) if region not in used]
        tagged = tagged_regions(map(order.aws.elsewhere, others), order.workshop)
    except (AwsError, AnswerLost):
        tagged = ()  # a courtesy: the regions that were used are looked at in any case
    return tuple(sorted({*used, *tagged})), True


class _Rounds:
    """What is remembered from one round to the next."""

    def __init__(
        self, order: Teardown, regions: tuple[str, ...], progress: Progress, *, blindly: bool
    ) -> None:
        self._order = order
        self._progress = progress
        self._accounts = {region: order.aws.elsewhere(region) for region in regions}
        entries = order.journal.entries()
        since = order.clock() - timedelta(seconds=order.patience.unseen)
        doubtful = launches_in_doubt(entries, since)
        self._doubtful = {one.token: one for one in doubtful if one.region in regions}
        self._followers: dict[str, set[str]] = {region: set() for region in regions}
        for entry in entries:
            if entry.step == FOLLOWERS and entry.facts.get("region") in regions:
                self._followers[entry.facts["region"]].update(entry.facts["ids"])
        last = order.clock() if blindly else last_making(entries)
        self._quiet_until = last + timedelta(seconds=order.patience.quiet)
        self._refused: dict[str, WorkshopError] = {}
        self._began = self._changed = order.pace.now()

    def run(self) -> Inventory:
        """Rounds until nothing is left, or nothing moves any more."""
        before: frozenset[tuple[str, str]] = frozenset()
        pause = 1.0
        while True:
            began = self._order.clock()
            seen = self._look()
            if not seen.found and not seen.blind:
                if self._is_settled(began):
                    return inventory_of(seen)
                self._order.pace.pause(self._until_settled(pause))
                pause = min(pause * 2, 10)
                continue
            now = frozenset((thing.id, thing.state) for thing in seen.found)
            if now != before:
                self._changed, before, pause = self._order.pace.now(), now, 1.0
            else:
                if self._hopeless(seen):
                    raise self._failure(seen)
                self._order.pace.pause(pause)
                pause = min(pause * 2, 10)
            self._end(seen.found)

    def _look(self) -> Look:
        """The inventory, and what the journal knows beyond it."""
        seen = look(self._accounts.values(), self._order.workshop)
        known = {thing.id for thing in seen.found}
        more: list[Found] = []
        blind: list[Blind] = []
        for region, aws in self._accounts.items():
            try:
                more += self._late(aws)
                more += still_there(aws, self._followers[region] - known, self._order.workshop)
            except (AwsError, AnswerLost) as error:
                blind.append(Blind(region, "instance", error))
        more = [thing for thing in more if thing.id not in known]
        return replace(seen, found=(*seen.found, *more), blind=(*seen.blind, *blind))

    def _late(self, aws: Aws) -> list[Found]:
        """Hosts that no tag shows yet; a launch whose host was found needs no second search."""
        tokens = [launch.token for launch in self._doubtful.values() if launch.region == aws.region]
        if not tokens:
            return []
        hosts = launched(aws, tokens, self._order.workshop)
        for token in hosts:
            del self._doubtful[token]
        return [host for host in hosts.values() if host.state not in _INSTANCE.over]

    def _awaited(self, at: datetime) -> int:
        """How many hosts were ordered so lately before then that AWS may not have shown them."""
        unseen = timedelta(seconds=self._order.patience.unseen)
        return sum(at - launch.at < unseen for launch in self._doubtful.values())

    def _is_settled(self, looked: datetime) -> bool:
        """Whether a look that began then has seen everything that can still turn up.

        Its beginning counts: what it asks first may be seconds old when it ends.
        """
        return looked >= self._quiet_until and not self._awaited(looked)

    def _until_settled(self, pause: float) -> float:
        """Seconds until the next look is worth while."""
        now = self._order.clock()
        if awaited := self._awaited(now):
            detail = "waiting for hosts that were ordered and that AWS doesn't show yet"
            self._progress("late hosts", 0, awaited, detail)
            return pause
        return max(0.0, (self._quiet_until - now).total_seconds())

    def _hopeless(self, seen: Look) -> bool:
        """Nothing changed since the last look. Is there no reason to go on?"""
        if self._awaited(self._order.clock()):
            return False
        now, patience = self._order.pace.now(), self._order.patience
        if now - self._changed > patience.standstill or now - self._began > patience.total:
            return True
        stuck = {
            thing.id
            for thing in seen.found
            if (why := self._refused.get(thing.id)) and not is_passing(why)
        }
        # What an instance that we can't end uses can't be ended either.
        dead_ends = {t.region for t in seen.found if t.kind == "instance" and t.id in stuck}
        may_move = any(t.id not in stuck and t.region not in dead_ends for t in seen.found)
        may_clear = any(is_passing(blind.why) for blind in seen.blind)
        return not (may_move or may_clear)

    def _failure(self, seen: Look) -> SomethingLeft | NotLookedAt:
        if not seen.found:
            return NotLookedAt(seen)
        ours = {thing.id for thing in seen.found}
        users = {
            group.id: used
            for group in _of_kind(seen.found, "security-group")
            if (used := who_else_uses(self._accounts[group.region], group, ours))
        }
        return SomethingLeft(seen, self._refused | users)

    def _end(self, things: tuple[Found, ...]) -> None:
        """One round in every region at once."""
        regions = sorted({thing.region for thing in things})
        with ThreadPoolExecutor(max(1, len(regions)), thread_name_prefix="teardown") as pool:
            try:
                refusals = pool.map(
                    lambda region: self._end_in(
                        self._accounts[region], [one for one in things if one.region == region]
                    ),
                    regions,
                )
                self._refused = {key: why for refused in refusals for key, why in refused.items()}
            except BaseException:
                self._order.pace.stop.set()  # else Ctrl-C would wait for the slowest instance
                raise

    def _end_in(self, aws: Aws, things: list[Found]) -> dict[str, WorkshopError]:
        journal = self._order.journal
        requests, instances = (_of_kind(things, kind) for kind in _FIRST)
        refused = end_together(aws, requests, journal)
        self._note_followers(aws.region, instances, {thing.id for thing in things})
        ending = [thing for thing in instances if thing.state != "shutting-down"]
        refused |= end_together(aws, ending, journal)
        going = [thing for thing in instances if thing.id not in refused]
        if going:  # the rest is seen with fresh eyes afterwards
            self._wait_for(aws, going)
            return refused
        groups = _of_kind(things, "security-group")
        rest = [thing for thing in things if thing.kind not in _FIRST and thing not in groups]
        for done, thing in enumerate(rest):
            self._progress(aws.region, done, len(rest), f"{thing.kind} {thing.id}")
            refused |= end_each(aws, [thing], journal)
        return refused | end_groups(aws, groups, journal)

    def _note_followers(self, region: str, instances: list[Found], known: set[str]) -> None:
        """Remember what is to vanish with these instances, before nobody can tell any more."""
        ids = set(followers(instances)) - known - self._followers[region]
        if ids:
            self._followers[region] |= ids
            self._order.journal.write("seen", FOLLOWERS, region=region, ids=sorted(ids))

    def _wait_for(self, aws: Aws, going: list[Found]) -> None:
        """Until these instances are terminated, or for as long as patience goes."""
        ids = {thing.id for thing in going}
        pace = self._order.pace
        for _ in pace.tries(first=2, most=10, seconds=self._order.patience.instances):
            try:
                there = list_kind(aws, _INSTANCE, self._order.workshop)
                left = sum(thing.id in ids for thing in there)
            except (AwsError, AnswerLost):
                continue
            self._progress(aws.region, len(ids) - left, len(ids), "hosts ended")
            if not left:
                return


def _of_kind(things: Iterable[Found], kind: str) -> list[Found]:
    return [thing for thing in things if thing.kind == kind]
