"""What the journal adds to the tags: used regions, and launches that may have made a host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from provisioning.journal import Entry, Kind
from provisioning.providers.ec2.beyond_tags import followers, launches_in_doubt
from provisioning.providers.ec2.kinds import Found
from provisioning.providers.ec2.regions import last_making, regions_in

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def entry(kind: Kind, step: str = "ec2.launch", *, minute: int = 0, **facts: Any) -> Entry:
    at = (NOON + timedelta(minutes=minute)).isoformat(timespec="milliseconds")
    return Entry(0, at, kind, step, facts)


def doubtful(*entries: Entry) -> list[str]:
    return [one.token for one in launches_in_doubt(entries, NOON)]


def test_a_launch_without_an_outcome_is_in_doubt_however_old() -> None:
    assert doubtful(entry("intent", token="a", region="us-east-1", minute=-600)) == ["a"]


def test_a_refused_launch_is_not() -> None:
    launch = {"token": "a", "region": "us-east-1"}
    assert doubtful(entry("intent", **launch), entry("failed", **launch)) == []


def test_a_confirmed_launch_is_while_it_is_young() -> None:
    launch = {"token": "a", "region": "us-east-1"}
    intent = entry("intent", minute=-9, **launch)
    assert doubtful(intent, entry("done", minute=-1, **launch)) == []
    assert doubtful(intent, entry("done", minute=1, **launch)) == ["a"]
    (young,) = launches_in_doubt([intent, entry("done", minute=1, **launch)], NOON)
    assert young.at == NOON + timedelta(minutes=1)


def test_a_launch_that_was_tried_again_counts_once() -> None:
    launch = {"token": "a", "region": "us-east-1"}
    assert doubtful(entry("intent", **launch), entry("intent", **launch)) == ["a"]


def test_other_entries_make_no_doubt() -> None:
    assert doubtful(entry("intent", "ec2.key-pair", region="us-east-1"), entry("seen")) == []


def test_regions_are_those_where_something_was_made() -> None:
    entries = (
        entry("intent", region="us-west-2"),
        entry("intent", "ec2.key-pair", region="us-east-1"),
        entry("seen", "plan"),
        entry("intent", "ec2.delete", region="eu-west-1"),
        entry("seen", "ec2.followers", region="eu-west-3", ids=[]),
        entry("done", "odd", region=7),
    )
    assert regions_in(entries) == ("us-east-1", "us-west-2")
    assert regions_in(()) == ()


def test_deleting_does_not_count_as_making() -> None:
    assert last_making([entry("done"), entry("done", "ec2.delete", minute=5)]) == NOON
    assert last_making([]) < NOON - timedelta(days=9999)


def test_what_a_person_attached_does_not_follow_a_host() -> None:
    item = {
        "BlockDeviceMappings": [
            {"Ebs": {"VolumeId": "vol-root", "DeleteOnTermination": True}},
            {"Ebs": {"VolumeId": "vol-data", "DeleteOnTermination": False}},
        ],
        "NetworkInterfaces": [
            {"NetworkInterfaceId": "eni-1", "Attachment": {"DeleteOnTermination": True}},
            {"NetworkInterfaceId": "eni-2", "Attachment": {}},
        ],
    }
    host = Found("instance", "i-1", "us-east-1", "nlp", item=item)
    assert followers([host]) == ("eni-1", "vol-root")
