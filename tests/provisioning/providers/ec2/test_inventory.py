"""The inventory finds everything with a workshop's tag, and admits what it can't look at."""

from __future__ import annotations

import pytest

from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import NoCredentials
from provisioning.providers.ec2.inventory import NotLookedAt, take_inventory
from provisioning.providers.ec2.kinds import KINDS, Found
from tests.cloud.cloud import Cloud
from tests.cloud.faults import CLOSED
from tests.provisioning.providers.ec2.things import Things

EAST = ("us-east-1",)


@pytest.mark.usefixtures("cloud")
def test_everything_that_can_carry_the_tag_is_found() -> None:
    things = Things("nlp")
    made = things.one_of_each()
    inventory = take_inventory(things.aws, "nlp", EAST)
    found = {thing.id: thing.kind for thing in inventory.left}
    assert {id_: kind for kind, id_ in made.items()}.items() <= found.items()
    assert {kind.name for kind in KINDS} == set(found.values()) <= set(inventory.kinds)
    assert inventory.regions == EAST


def test_what_the_cloud_has_and_the_inventory_agree(cloud: Cloud) -> None:
    things = Things("nlp")
    things.one_of_each()
    inventory = take_inventory(things.aws, "nlp", EAST)
    tagged = [left for left in cloud.inventory() if left.tags.get("workshop:name") == "nlp"]
    assert sorted(thing.id for thing in inventory.left) == sorted(left.id for left in tagged)


@pytest.mark.usefixtures("cloud")
def test_things_of_others_are_not_listed() -> None:
    Things("nlp-2").one_of_each()
    Things("").one_of_each()
    assert take_inventory(Things("nlp").aws, "nlp", EAST).empty


def test_a_host_counts_until_it_is_terminated(cloud: Cloud) -> None:
    things = Things("nlp")
    instance = things.instance("gpu-07")
    cloud.settings.shutting_down_seconds = 60
    things.call("terminate_instances", InstanceIds=[instance])
    host = next(one for one in take_inventory(things.aws, "nlp", EAST).left if one.id == instance)
    assert (host.kind, host.what) == ("instance", "gpu-07, t3.large, shutting-down")
    cloud.advance(61)
    assert take_inventory(things.aws, "nlp", EAST).empty


@pytest.mark.usefixtures("cloud")
def test_a_spot_host_is_listed_with_its_request() -> None:
    things = Things("nlp")
    instance = things.spot_instance("gpu-02")
    left = {one.kind: one for one in take_inventory(things.aws, "nlp", EAST).left}
    host, request = left["instance"], left["spot-instances-request"]
    assert isinstance(host, Found)
    assert (host.id, host.market, request.region) == (instance, "spot", "us-east-1")


@pytest.mark.usefixtures("cloud")
def test_every_named_region_is_looked_at() -> None:
    Things("nlp", "eu-west-1").key_pair()
    aws = Things("nlp").aws
    assert take_inventory(aws, "nlp", EAST).empty
    (key,) = take_inventory(aws, "nlp", (*EAST, "eu-west-1")).left
    assert (key.kind, key.region) == ("key-pair", "eu-west-1")


@pytest.mark.usefixtures("cloud")
def test_a_tagged_thing_of_a_kind_that_we_never_make_is_reported() -> None:
    things = Things("nlp")
    subnet = things.subnet()
    things.tag(subnet)
    (left,) = take_inventory(things.aws, "nlp", EAST).left
    assert (left.kind, left.id) == ("subnet", subnet)


def test_a_kind_that_may_not_be_listed_is_not_called_empty(cloud: Cloud) -> None:
    for kind in KINDS:
        action = "".join(part.capitalize() for part in kind.operation.split("_"))
        cloud.settings.denied = {f"ec2:{action}"}
        with pytest.raises(NotLookedAt) as refused:
            take_inventory(Things("nlp").aws, "nlp", EAST)
        (blind,) = refused.value.look.blind
        assert (blind.region, blind.kind) == ("us-east-1", kind.name)
        assert kind.name in refused.value.message
        assert "--region" in refused.value.next_step


def test_a_region_that_does_not_answer_is_not_called_empty(cloud: Cloud) -> None:
    cloud.faults.add(action="DescribeVolumes", effect=CLOSED)
    with pytest.raises(NotLookedAt, match="volume can't be listed in us-east-1"):
        take_inventory(Things("nlp").aws, "nlp", EAST)


def test_without_credentials_the_message_is_about_them(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    with pytest.raises(NoCredentials, match="doesn't accept the credentials"):
        take_inventory(Aws("us-east-1"), "nlp", EAST)


@pytest.mark.usefixtures("cloud")
def test_a_thing_found_only_by_a_wildcard_is_not_ours() -> None:
    Things("nlp").key_pair()
    assert take_inventory(Things("n*").aws, "n*", EAST).empty
