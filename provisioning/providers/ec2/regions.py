"""In which regions of the account a workshop may have something, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from provisioning.journal import Entry
from provisioning.providers.ec2.aws import Aws

#: Steps of the journal that take down: they say where we looked, not where something was made.
DELETE: Final = "ec2.delete"
FOLLOWERS: Final = "ec2.followers"


def enabled_regions(aws: Aws) -> tuple[str, ...]:
    """Every region that the account may use; in a disabled one nothing can be.

    DescribeRegions leaves out disabled ones unless asked for:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    answer = aws.call("ec2", "describe_regions")
    return tuple(sorted(str(region["RegionName"]) for region in answer["Regions"]))


def regions_in(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The regions where a journal says that something was, or was about to be, made."""
    regions = (entry.facts.get("region") for entry in entries if _makes(entry))
    return tuple(sorted({region for region in regions if isinstance(region, str) and region}))


def last_making(entries: Iterable[Entry]) -> datetime:
    """When a journal last says that something was made or changed."""
    times = (datetime.fromisoformat(entry.at) for entry in entries if _makes(entry))
    return max(times, default=datetime.min.replace(tzinfo=UTC))


def _makes(entry: Entry) -> bool:
    return entry.step not in (DELETE, FOLLOWERS)
