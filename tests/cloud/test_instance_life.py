"""States as in https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html"""

import pytest
from moto.ec2.models import elastic_network_interfaces


def states(describe, instance_id):
    told = describe(instance_id)
    return told["State"]["Name"], told.get("PublicIpAddress") is not None


def test_a_new_instance_is_pending_first_and_has_no_public_address(slow, launch, describe):
    (instance_id,) = launch()
    assert states(describe, instance_id) == ("pending", False)

    slow.advance(61)

    assert states(describe, instance_id) == ("running", True)


def test_status_checks_pass_some_time_after_running(slow, ec2, launch):
    launch()
    slow.advance(61)

    def status():
        return ec2.describe_instance_status()["InstanceStatuses"][0]["InstanceStatus"]["Status"]

    assert status() == "initializing"
    slow.advance(61)
    assert status() == "ok"


def test_an_ending_instance_keeps_what_it_holds_until_it_is_gone(slow, ec2, launch, describe):
    (instance_id,) = launch()
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert states(describe, instance_id) == ("shutting-down", False)
    assert ec2.describe_volumes()["Volumes"]

    slow.advance(61)

    assert states(describe, instance_id) == ("terminated", False)
    assert not ec2.describe_volumes()["Volumes"]


def test_terminating_twice_does_not_begin_anew(slow, ec2, launch, describe):
    (instance_id,) = launch()
    ec2.terminate_instances(InstanceIds=[instance_id])
    slow.advance(40)
    ec2.terminate_instances(InstanceIds=[instance_id])
    slow.advance(40)

    assert states(describe, instance_id)[0] == "terminated"


def test_a_started_instance_has_another_public_address(slow, ec2, launch, describe):
    (instance_id,) = launch()
    slow.advance(61)
    before = describe(instance_id)["PublicIpAddress"]
    ec2.stop_instances(InstanceIds=[instance_id])
    assert states(describe, instance_id) == ("stopping", False)
    slow.advance(61)
    assert states(describe, instance_id) == ("stopped", False)

    ec2.start_instances(InstanceIds=[instance_id])
    slow.advance(61)

    assert describe(instance_id)["PublicIpAddress"] != before


def test_a_started_instance_never_draws_the_address_that_it_gave_back(
    slow, ec2, launch, describe, monkeypatch
):
    drawn = iter(["54.214.0.1", "54.214.0.1", "54.214.0.1", "54.214.0.2"])
    monkeypatch.setattr(elastic_network_interfaces, "random_public_ip", lambda: next(drawn))
    (instance_id,) = launch()
    slow.advance(61)
    assert describe(instance_id)["PublicIpAddress"] == "54.214.0.1"
    ec2.stop_instances(InstanceIds=[instance_id])
    slow.advance(61)
    ec2.start_instances(InstanceIds=[instance_id])
    slow.advance(61)

    assert describe(instance_id)["PublicIpAddress"] == "54.214.0.2"


def test_what_a_state_does_not_allow_is_refused(slow, ec2, launch, code_of):
    ids = launch()
    assert code_of(ec2.stop_instances, InstanceIds=ids) == "IncorrectInstanceState"
    slow.advance(61)
    ec2.stop_instances(InstanceIds=ids)
    assert code_of(ec2.start_instances, InstanceIds=ids) == "IncorrectInstanceState"
    ec2.terminate_instances(InstanceIds=ids)
    assert code_of(ec2.start_instances, InstanceIds=ids) == "IncorrectInstanceState"


def test_a_spot_instance_of_a_one_time_request_cannot_be_stopped(cloud, ec2, launch, code_of):
    ids = launch(InstanceMarketOptions={"MarketType": "spot"})
    cloud.advance(1)

    assert code_of(ec2.stop_instances, InstanceIds=ids) == "UnsupportedOperation"


@pytest.mark.parametrize(("behaviour", "end"), [("terminate", "terminated"), ("stop", "stopped")])
def test_a_machine_that_powers_itself_off_ends_as_it_was_told(
    cloud, launch, describe, behaviour, end
):
    (instance_id,) = launch(InstanceInitiatedShutdownBehavior=behaviour)
    cloud.advance(1)
    describe(instance_id)

    cloud.power_off(instance_id)
    describe(instance_id)
    cloud.advance(1)

    told = describe(instance_id)
    assert told["State"]["Name"] == end
    assert told["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_spot_request_is_closed_when_its_instance_is_taken_back(cloud, ec2, launch, describe):
    (instance_id,) = launch(InstanceMarketOptions={"MarketType": "spot"})
    requests = ec2.describe_spot_instance_requests
    assert requests()["SpotInstanceRequests"][0]["State"] == "active"

    cloud.interrupt(instance_id)
    cloud.advance(1)

    assert requests()["SpotInstanceRequests"][0]["State"] == "closed"
    assert describe(instance_id)["StateReason"]["Code"] == "Server.SpotInstanceTermination"


def test_a_cancelled_spot_request_leaves_its_instance(cloud, ec2, launch, describe):
    (instance_id,) = launch(InstanceMarketOptions={"MarketType": "spot"})
    request = describe(instance_id)["SpotInstanceRequestId"]

    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])

    cloud.advance(1)
    assert describe(instance_id)["State"]["Name"] == "running"
    assert "spot-request" not in {left.kind for left in cloud.inventory()}


def test_a_new_instance_is_unknown_for_a_while(cloud, ec2, launch, describe, code_of):
    """https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html"""
    cloud.settings.hidden_from_calls = 3
    (instance_id,) = launch(ClientToken="one")

    ids = {"InstanceIds": [instance_id]}
    assert code_of(ec2.describe_instances, **ids) == "InvalidInstanceID.NotFound"
    assert code_of(ec2.terminate_instances, **ids) == "InvalidInstanceID.NotFound"
    assert ec2.describe_instances()["Reservations"] == []
    assert launch(ClientToken="one") == [instance_id]
    assert describe(instance_id)["InstanceId"] == instance_id


def test_a_new_instance_is_unknown_for_some_seconds(cloud, ec2, launch):
    cloud.settings.visible_after_seconds = 60
    launch()
    assert ec2.describe_instances()["Reservations"] == []

    cloud.advance(61)

    assert len(ec2.describe_instances()["Reservations"]) == 1
