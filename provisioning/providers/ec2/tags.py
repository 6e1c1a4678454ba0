"""The tags that say whose a thing is. They are set in the call that creates it, so no crash can
leave something that nobody finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from provisioning.fleet import ROLES, Role

#: Whoever has this tag belongs to the workshop of that name: it is what `down` goes by.
NAME: Final = "workshop:name"
ROLE: Final = "workshop:role"
HOST: Final = "workshop:host"
ATTEMPT: Final = "workshop:attempt"
SPEC: Final = "workshop:spec"
DEADLINE: Final = "workshop:deadline"
SPARE: Final = "workshop:spare"
#: By how many minutes the hosts may have moved their deadline without the cloud being told.
EXTENDABLE: Final = "workshop:extendable"


@dataclass(frozen=True)
class Mark:
    """What the tags of one thing say. A thing that all hosts share has no `host`."""

    workshop: str
    spec: str
    deadline: datetime | None
    host: str = ""
    role: Role | None = None
    attempt: int = 1
    spare: bool = False
    extendable_minutes: int = 0


def tags(mark: Mark, *, title: str = "") -> dict[str, str]:
    """The tags for a mark; `title` names what has no host, such as "key pair"."""
    found = {
        NAME: mark.workshop,
        SPEC: mark.spec,
        "Name": f"workshop {mark.workshop} {mark.host or title}".rstrip(),
    }
    if mark.deadline:
        found[DEADLINE] = deadline_text(mark.deadline)
    if mark.host:
        found |= {HOST: mark.host, ROLE: str(mark.role), ATTEMPT: str(mark.attempt)}
    if mark.spare:
        found[SPARE] = "yes"
    if mark.extendable_minutes:
        found[EXTENDABLE] = str(mark.extendable_minutes)
    return found


def read(found: Iterable[Mapping[str, str]]) -> Mark | None:
    """The mark in AWS's list of tags; None if it belongs to no workshop.

    Anybody may edit tags in a console, so a tag that makes no sense counts as absent.
    """
    told = {tag["Key"]: tag.get("Value", "") for tag in found}
    if not told.get(NAME):
        return None
    return Mark(
        workshop=told[NAME],
        spec=told.get(SPEC, ""),
        deadline=_moment(told.get(DEADLINE, "")),
        host=told.get(HOST, ""),
        role=next((role for role in ROLES if role == told.get(ROLE)), None),
        attempt=_number(told.get(ATTEMPT, ""), 1),
        spare=told.get(SPARE) == "yes",
        extendable_minutes=_number(told.get(EXTENDABLE, ""), 0),
    )


def as_list(pairs: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def specifications(kinds: Iterable[str], pairs: Mapping[str, str]) -> list[dict[str, Any]]:
    """The TagSpecifications of a create call: the same tags on each kind of thing it makes."""
    return [{"ResourceType": kind, "Tags": as_list(pairs)} for kind in kinds]


def of_workshop(workshop: str) -> dict[str, Any]:
    """The filter of a Describe call."""
    return {"Name": f"tag:{NAME}", "Values": [workshop]}


def deadline_text(deadline: datetime) -> str:
    """Such as 2026-11-22T05:00:00Z."""
    return deadline.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
