"""Faults meet the calls that they are for, as often as they should, and no others."""

import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.cloud import faults


def test_a_fault_meets_only_the_calls_that_it_describes(cloud, launch, code_of):
    cloud.faults.add(
        action="RunInstances",
        effect=faults.NO_CAPACITY,
        when={"zone": "us-east-1a", "InstanceType": lambda name: name.startswith("g4dn")},
    )
    subnet = {"Placement": {"AvailabilityZone": "us-east-1a"}}

    assert launch(**subnet)
    code = code_of(launch, InstanceType="g4dn.xlarge", **subnet)
    assert code == "InsufficientInstanceCapacity"
    assert launch(InstanceType="g4dn.xlarge", Placement={"AvailabilityZone": "us-east-1b"})


def test_a_fault_may_ask_for_a_tag_and_the_market(cloud, launch, code_of):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "workshop:host", "Value": "gpu-01"}]}]
    cloud.faults.add(
        action="RunInstances",
        effect=faults.SPOT_QUOTA,
        when={"market": "spot", "tag:workshop:host": "gpu-01"},
    )

    assert launch(TagSpecifications=tags)
    spot = {"InstanceMarketOptions": {"MarketType": "spot"}}
    assert launch(**spot)
    assert code_of(launch, TagSpecifications=tags, **spot) == "MaxSpotInstanceCountExceeded"


def test_a_fault_ends_after_so_many_calls_and_may_begin_later(cloud, ec2, code_of):
    cloud.faults.add(action="Describe*", effect=faults.THROTTLED, times=2, skip=1)

    ec2.describe_instances()
    assert [code_of(ec2.describe_instances) for _ in range(2)] == ["RequestLimitExceeded"] * 2
    ec2.describe_instances()
    outcomes = [logged.outcome for logged in cloud.calls]
    assert outcomes == ["ok", "RequestLimitExceeded", "RequestLimitExceeded", "ok"]


@pytest.mark.parametrize("effect", [faults.LOST, faults.LOST_CLOSED])
def test_a_lost_answer_is_lost_after_the_effect(cloud, launch, effect):
    cloud.faults.add(action="RunInstances", effect=effect, times=1)

    with pytest.raises((ClientError, ConnectionClosedError)):
        launch(ClientToken="one")

    assert [one.client_token for one in cloud.instances()] == ["one"]
    assert launch(ClientToken="one") == [cloud.instances()[0].id]


def test_a_closed_connection_has_no_effect(cloud, launch):
    cloud.faults.add(action="RunInstances", effect=faults.CLOSED)

    with pytest.raises(ConnectionClosedError):
        launch()

    assert cloud.instances() == []
    assert cloud.calls.of("RunInstances")[0].outcome == "closed"


@pytest.fixture
def slow_group(cloud):
    """A group is made whose client doesn't wait for the slow answer."""
    import boto3
    from botocore.config import Config

    impatient = boto3.client(
        "ec2", config=Config(read_timeout=0.1, retries={"total_max_attempts": 1})
    )
    cloud.faults.add(action="CreateSecurityGroup", effect=faults.slow(60))
    with pytest.raises(ReadTimeoutError):
        impatient.create_security_group(GroupName="one", Description="one")
    deadline = time.monotonic() + 10
    while not cloud.inventory() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_slow_answer_comes_after_the_effect(cloud, slow_group):
    assert [left.kind for left in cloud.inventory()] == ["security-group"]
    assert [call.outcome for call in cloud.calls] == ["not answered yet"]


def test_a_slow_answer_holds_up_nobody_else(cloud, slow_group):
    began = time.monotonic()

    cloud.under_way.wait(60)

    assert time.monotonic() - began < 30


def test_any_error_can_be_had(cloud, ec2, code_of):
    cloud.faults.add(action="DescribeInstances", effect=faults.error("OptInRequired", 401))

    assert code_of(ec2.describe_instances) == "OptInRequired"
