"""A sweep finds what any workshop left in any region, and ends none that is alive by mistake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.errors import AlreadyTaken, NotPossibleHere
from provisioning.journal import Journal
from provisioning.providers.ec2.kinds import Found
from provisioning.providers.ec2.sweep import Leftover, Sweep, end_workshop, sweep
from provisioning.providers.ec2.teardown import Teardown
from tests.cloud.cloud import Cloud
from tests.provisioning.providers.ec2.things import Things, Time

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def cloud(cloud: Cloud) -> Cloud:
    """Fewer regions, because each costs time."""
    cloud.settings.regions = ("eu-west-1", "us-east-1")
    return cloud


def leftover(*deadlines: datetime | None, kind: str = "instance") -> Leftover:
    things = (
        Found(kind, f"i-{number}", "us-east-1", "nlp", since=NOW, deadline=deadline)
        for number, deadline in enumerate(deadlines)
    )
    return Leftover("nlp", tuple(things), NOW)


def look(cloud: Cloud) -> Sweep:
    return sweep(Things("").aws, now=NOW)


def order(cloud: Cloud, tmp_path: Path, workshop: str) -> Teardown:
    time = Time(cloud)
    journal = Journal(tmp_path / "journal.jsonl", clock=time.utc)
    return Teardown(workshop, Things("").aws, journal, pace=time.pace, clock=time.utc)


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


def test_workshops_are_found_in_every_region_and_told_apart(cloud: Cloud) -> None:
    Things("nlp", "eu-west-1").instance()
    Things("nlp", "us-east-1").key_pair()
    Things("vision", "us-east-1").volume()
    Things("").instance("")
    found = look(cloud)
    assert [one.workshop for one in found.leftovers] == ["nlp", "vision"]
    nlp = found.of("nlp")
    assert nlp is not None
    assert nlp.regions == ("eu-west-1", "us-east-1")
    assert len(nlp.hosts) == 1
    assert set(found.regions) == set(cloud.settings.regions)
    assert found.blind == ()


def test_the_price_and_the_age_are_told(cloud: Cloud) -> None:
    things = Things("nlp")
    things.instance(InstanceType="g4dn.xlarge")
    things.volume()
    (nlp,) = sweep(things.aws, now=datetime.now(UTC) + timedelta(hours=5)).leftovers
    assert 0.5 < nlp.hourly.low <= nlp.hourly.high < 0.6
    assert nlp.age is not None
    assert timedelta(hours=5) <= nlp.age < timedelta(hours=6)


def test_a_region_that_can_not_be_looked_at_is_named(cloud: Cloud) -> None:
    cloud.settings.denied = {"ec2:DescribeVolumes"}
    found = look(cloud)
    assert {blind.region for blind in found.blind} == set(cloud.settings.regions)


def test_a_workshop_lives_until_the_latest_deadline_of_its_things() -> None:
    past, future = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    assert not leftover(past, past).alive
    assert leftover(past, future).alive
    assert leftover(past, future).deadline == future
    assert leftover(future, kind="security-group").alive


def test_hosts_without_a_deadline_count_as_alive_and_other_things_do_not() -> None:
    assert leftover(None).alive
    assert not leftover(None, kind="volume").alive


def test_hosts_that_staff_may_have_extended_from_the_wall_are_alive_until_the_latest_then() -> None:
    """No tag tells of that: what it may be is told when a host is made."""
    ended = NOW - timedelta(hours=1)
    host = Found(
        *("instance", "i-1", "us-east-1", "nlp"), deadline=ended, extendable=timedelta(hours=2)
    )
    nlp = Leftover("nlp", (host,), NOW)
    assert nlp.alive
    assert nlp.until == "2026-11-22 11:00, by the wall at most 13:00"
    assert not replace(nlp, at=NOW + timedelta(hours=1)).alive
    # What is left of hosts that have ended needs nobody.
    volume = replace(host, kind="volume")
    assert not Leftover("nlp", (volume,), NOW).alive
    assert replace(nlp, at=ended - timedelta(hours=1)).until == "2026-11-22 11:00"


def test_a_deadline_in_the_tags_is_read(cloud: Cloud) -> None:
    things = Things("nlp")
    tags = things.tagged("instance", deadline="2026-11-22T11:00:00Z")
    things.instance(TagSpecifications=tags)
    (nlp,) = look(cloud).leftovers
    assert nlp.deadline == datetime(2026, 11, 22, 11, tzinfo=UTC)
    assert look(cloud).over == (nlp,)


def test_one_is_taken_down_by_name_and_the_others_stay(cloud: Cloud, tmp_path: Path) -> None:
    Things("nlp", "eu-west-1").volume()
    Things("vision", "us-east-1").volume()
    inventory = end_workshop(order(cloud, tmp_path, "nlp"), look(cloud), quiet)
    assert inventory.empty
    assert set(inventory.regions) == set(cloud.settings.regions)
    assert [one.tags["workshop:name"] for one in cloud.inventory()] == ["vision"]


def test_one_that_is_alive_has_to_be_meant(cloud: Cloud, tmp_path: Path) -> None:
    things = Things("nlp")
    things.instance(TagSpecifications=things.tagged("instance", deadline="2099-01-01T00:00:00Z"))
    ending = order(cloud, tmp_path, "nlp")
    with pytest.raises(AlreadyTaken, match="1 host, deadline 2099-01-01 00:00 UTC"):
        end_workshop(ending, look(cloud), quiet)
    assert len(cloud.inventory()) > 0
    assert end_workshop(ending, look(cloud), quiet, even_if_alive=True).empty
    assert cloud.inventory() == ()


def test_a_name_that_was_not_found_says_which_were(cloud: Cloud, tmp_path: Path) -> None:
    Things("vision").volume()
    with pytest.raises(NotPossibleHere, match=r"No workshop nlp .* workshops there: vision"):
        end_workshop(order(cloud, tmp_path, "nlp"), look(cloud), quiet)
