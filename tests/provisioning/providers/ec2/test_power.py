"""Stop, start, look at the console, move the deadline."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioning.providers.ec2.errors import CannotStop, NoCapacity, NoSuchHost
from tests.cloud import faults
from tests.provisioning.providers.ec2.rehearsal import Rehearsal, spec


def test_a_stopped_host_has_no_address_and_the_others_run_on(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    fleet = rehearsal.provider().stop(("gpu-01",), rehearsal.tell)
    stopped, running = fleet.host("gpu-01"), fleet.host("hub")
    assert stopped is not None
    assert running is not None
    assert (stopped.state, stopped.address) == ("stopped", None)
    assert running.state == "running"


def test_a_started_host_may_have_another_address(rehearsal: Rehearsal) -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html
    rehearsal.up()
    before = rehearsal.host("gpu-01").address
    rehearsal.provider().stop(("gpu-01",), rehearsal.tell)
    after = rehearsal.provider().start(("gpu-01",), rehearsal.tell).host("gpu-01")
    assert after is not None
    assert after.state == "running"
    assert after.address is not None
    assert after.address != before


def test_stop_and_start_can_be_repeated(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    names = ("hub", "gpu-01")
    for _ in range(2):
        fleet = rehearsal.provider().stop(names, rehearsal.tell)
        assert {host.state for host in fleet.hosts} == {"stopped"}
    for _ in range(2):
        fleet = rehearsal.provider().start(names, rehearsal.tell)
        assert {host.state for host in fleet.hosts} == {"running"}
    assert len(rehearsal.cloud.calls.of("StopInstances")) == 1
    assert len(rehearsal.cloud.calls.of("StartInstances")) == 1


def test_a_host_that_is_stopping_is_started_after_it_has_stopped(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.cloud.settings.stopping_seconds = 60
    machine = rehearsal.alive()["gpu-01"][0]
    machine.begin_stop(("Client.UserInitiatedShutdown", "by hand"))
    fleet = rehearsal.provider().start(("gpu-01",), rehearsal.tell)
    assert [host.state for host in fleet.hosts] == ["running"] * 2


def test_with_a_spot_host_nothing_is_stopped(rehearsal: Rehearsal) -> None:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/stop-spot-instances.html
    rehearsal.hosts = spec(gpu={"count": 1, "market": "spot"})
    rehearsal.up()
    with pytest.raises(CannotStop, match="gpu-01: a one-time spot machine can be ended"):
        rehearsal.provider().stop(("hub", "gpu-01"), rehearsal.tell)
    assert "StopInstances" not in rehearsal.mutations()


@pytest.mark.parametrize("verb", ["stop", "start"])
def test_an_unknown_name_is_said_before_anything_is_done(rehearsal: Rehearsal, verb: str) -> None:
    rehearsal.up()
    rehearsal.cloud.calls.clear()
    with pytest.raises(NoSuchHost, match="no machine in gpu-09; there are: gpu-01, hub"):
        getattr(rehearsal.provider(), verb)(("hub", "gpu-09"), rehearsal.tell)
    assert rehearsal.mutations() == []


def test_a_host_that_aws_cannot_start_keeps_no_other_from_starting(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    names = ("gpu-01", "hub")
    rehearsal.provider().stop(names, rehearsal.tell)
    bad = rehearsal.host("gpu-01").id
    # The batch is refused as a whole, and then the one for itself.
    for position in ("InstanceId.1", "InstanceId.2"):
        rehearsal.cloud.faults.add(
            action="StartInstances", effect=faults.NO_CAPACITY, when={position: bad}
        )
    with pytest.raises(NoCapacity):
        rehearsal.provider().start(names, rehearsal.tell)
    assert rehearsal.host("gpu-01").state == "stopped"
    assert rehearsal.host("hub").state == "running"


def test_the_console_is_told(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    assert isinstance(rehearsal.provider().console("gpu-01"), str)
    (call,) = rehearsal.cloud.calls.of("GetConsoleOutput")
    assert call.call.get("Latest") == "true"


def test_a_machine_without_the_newest_output_tells_the_last_one(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.cloud.faults.add(
        action="GetConsoleOutput",
        effect=faults.error("UnsupportedOperation"),
        when={"Latest": "true"},
    )
    assert isinstance(rehearsal.provider().console("gpu-01"), str)


def test_a_moved_deadline_is_noted_on_everything_of_the_host(rehearsal: Rehearsal) -> None:
    first = rehearsal.up().fleet.host("gpu-01")
    assert first is not None
    assert first.deadline is not None
    moved = first.deadline + timedelta(minutes=30)
    rehearsal.provider().note_deadline(("gpu-01",), moved)
    assert rehearsal.host("gpu-01").deadline == moved
    assert rehearsal.host("hub").deadline == first.deadline
    noted = [
        one.kind
        for one in rehearsal.cloud.inventory()
        if one.tags.get("workshop:deadline") == f"{moved:%Y-%m-%dT%H:%M:%SZ}"
    ]
    assert sorted(noted) == ["instance", "network-interface", "volume"]


def test_a_lost_answer_to_stop_or_start_is_no_failure(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    for action in ("StopInstances", "StartInstances", "CreateTags"):
        rehearsal.cloud.faults.add(action=action, effect=faults.LOST_CLOSED, times=1)
    rehearsal.provider().stop(("gpu-01",), rehearsal.tell)
    rehearsal.provider().start(("gpu-01",), rehearsal.tell)
    assert rehearsal.host("gpu-01").state == "running"
