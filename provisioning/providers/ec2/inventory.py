"""What belongs to a workshop in an AWS account, found by its tag and by nothing else.

This is the proof of a teardown: it knows no journal and no file, and shares no code with what
launches. A kind or a region that can't be looked at makes it fail; it never counts as empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

from provisioning.errors import StepFailed, WorkshopError
from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import NoCredentials, NotAllowed
from provisioning.providers.ec2.kinds import KINDS, Found, Item, Kind, found
from provisioning.providers.protocol import Inventory

#: Listed last, from DescribeTags: kinds that we never make, tagged by somebody.
OTHERS = "anything else that carries the tag"
#: Vanish together with their security group, so they need no listing of their own.
_PARTS = frozenset({"security-group-rule"})
_AT_ONCE = 16


@dataclass(frozen=True)
class Blind:
    """A kind that could not be listed in a region, and why."""

    region: str
    kind: str
    why: WorkshopError


@dataclass(frozen=True)
class Look:
    """One look at an account: what was found, and what could not be looked at."""

    found: tuple[Found, ...]
    blind: tuple[Blind, ...]
    regions: tuple[str, ...]


class NotLookedAt(StepFailed):
    """Part of the account can't be listed, so nobody knows whether something is left there."""

    def __init__(self, look: Look) -> None:
        seen = f"{len(look.found)} things" if look.found else "nothing"
        super().__init__(
            f"{not_seen(look)}. Elsewhere {seen} of the workshop was found",
            next_step=how_to_see(look),
        )
        self.look = look


def not_seen(look: Look) -> str:
    """What could not be looked at, where, and the first reason. There must be something."""
    regions = sorted({blind.region for blind in look.blind})
    kinds = dict.fromkeys(blind.kind for blind in look.blind)
    what = f"{', '.join(kinds)} can't be listed in {', '.join(regions)}"
    return f"{what}: {look.blind[0].why.message.rstrip('.')}"


def how_to_see(look: Look) -> str:
    """What to type so that the next look sees it."""
    why = look.blind[0].why
    if isinstance(why, NotAllowed):
        return (
            "give the account the permission (docs/aws-permissions.md), or name the regions that "
            "the workshop used with --region; then repeat the command"
        )
    return why.next_step or "repeat the command"


def take_inventory(aws: Aws, workshop: str, regions: Iterable[str]) -> Inventory:
    """Everything that is left of a workshop in these regions.

    Raises: NoCredentials; NotLookedAt when any kind in any region could not be listed.
    """
    return inventory_of(look([aws.elsewhere(region) for region in regions], workshop))


def inventory_of(seen: Look) -> Inventory:
    """The look as a proof. Raises: NotLookedAt when it did not see everything."""
    if seen.blind:
        raise NotLookedAt(seen)
    kinds = (*(kind.name for kind in KINDS), OTHERS)
    return Inventory(left=seen.found, kinds=kinds, regions=seen.regions)


def look(regions: Iterable[Aws], workshop: str | None = None) -> Look:
    """Every thing with the workshop's tag (of any workshop, if None), as far as it can be seen.

    Raises: NoCredentials, because then nothing can be seen.
    """
    regions = tuple(regions)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="inventory") as pool:
        looks = pool.map(
            lambda pair: _look_at(pair[0], pair[1], workshop), product(regions, (*KINDS, None))
        )
        seen = [part for one in looks for part in one]
    # AWS lists in no order that helps a reader.
    order = {kind.name: place for place, kind in enumerate(KINDS)}
    things = [thing for thing in seen if isinstance(thing, Found)]
    things.sort(key=lambda thing: (thing.region, order.get(thing.kind, 99), thing.name, thing.id))
    blind = tuple(part for part in seen if isinstance(part, Blind))
    return Look(tuple(things), blind, tuple(aws.region for aws in regions))


def tagged_regions(regions: Iterable[Aws], workshop: str) -> tuple[str, ...]:
    """Those of the regions where anything carries the workshop's tag: one cheap call for each.

    Raises: AwsError, AnswerLost.
    """
    filters = [{"Name": "key", "Values": [tags.NAME]}, {"Name": "value", "Values": [workshop]}]
    regions = tuple(regions)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="inventory") as pool:
        found = pool.map(
            lambda aws: aws.every("ec2", "describe_tags", "Tags", Filters=filters), regions
        )
        return tuple(aws.region for aws, tagged in zip(regions, found, strict=True) if tagged)


def _look_at(aws: Aws, kind: Kind | None, workshop: str | None) -> list[Found | Blind]:
    try:
        return [*(_others(aws, workshop) if kind is None else list_kind(aws, kind, workshop))]
    except NoCredentials:
        raise
    except WorkshopError as error:
        return [Blind(aws.region, kind.name if kind else "tags", error)]


def list_kind(aws: Aws, kind: Kind, workshop: str | None) -> Iterator[Found]:
    """What there is of one kind in the region of `aws`. Raises: AwsError, AnswerLost."""
    any_workshop = {"Name": "tag-key", "Values": [tags.NAME]}
    filters = [tags.of_workshop(workshop) if workshop else any_workshop]
    items = aws.every("ec2", kind.operation, kind.key, Filters=filters, **kind.parameters)
    for item in _flat(kind, items):
        thing = found(kind, item, aws.region)
        # A filter knows wildcards; what we may delete is only what is exactly ours.
        ours = thing.workshop != "" and workshop in (None, thing.workshop)
        if ours and thing.state not in kind.over:
            yield thing


def _flat(kind: Kind, items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        yield from item["Instances"] if kind.key == "Reservations" else (item,)


def _others(aws: Aws, workshop: str | None) -> Iterator[Found]:
    """Tagged things of kinds without a listing of their own, such as a subnet made by hand.

    DescribeTags knows every kind, but may still know things that are gone: for the kinds that
    we can list, their own listing is the truth.
    """
    known = {kind.name for kind in KINDS} | _PARTS
    filters = [{"Name": "key", "Values": [tags.NAME]}]
    if workshop is not None:
        filters.append({"Name": "value", "Values": [workshop]})
    for tag in aws.every("ec2", "describe_tags", "Tags", Filters=filters):
        kind, value = str(tag["ResourceType"]), str(tag.get("Value", ""))
        if kind not in known and workshop in (None, value):
            yield Found(kind, str(tag["ResourceId"]), aws.region, value, "not made by workshop")
