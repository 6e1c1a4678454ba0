"""A place never has two machines after `up`, wherever the second one came from."""

from __future__ import annotations

from typing import Any

from provisioning.fleet_state import FleetState
from tests.provisioning.providers.ec2.rehearsal import Rehearsal, spec
from tests.provisioning.providers.ec2.things import Things


def copy_of(rehearsal: Rehearsal, place: str, **tags: str) -> str:
    """Another machine with the tags of a place, as a crashed or foreign `up` leaves it."""
    (order, *_) = rehearsal.orders(place)
    things = Things("nlp")
    pairs = {
        "workshop:name": "nlp",
        "workshop:host": place,
        "workshop:role": place.split("-")[0],
        "workshop:attempt": "1",
    } | {f"workshop:{key}": value for key, value in tags.items()}
    answer: dict[str, Any] = things.call(
        "run_instances",
        MinCount=1,
        MaxCount=1,
        ImageId=order.call.get("ImageId"),
        InstanceType=order.call.get("InstanceType"),
        SubnetId=order.call.get("SubnetId"),
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()],
            }
        ],
    )
    return str(answer["Instances"][0]["InstanceId"])


def only(rehearsal: Rehearsal, place: str) -> str:
    (machine,) = rehearsal.alive()[place]
    return str(machine.id)


def test_of_two_attempts_the_newer_one_stays(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    newer = copy_of(rehearsal, "gpu-01", attempt="2")
    launched = rehearsal.up()
    assert only(rehearsal, "gpu-01") == newer
    assert newer in [host.id for host in launched.fleet.hosts]
    assert only(rehearsal, "hub")
    (ended,) = [e for e in rehearsal.journal().of_step("ec2.terminate") if e.kind == "done"]
    assert len(ended.facts["ids"]) == 1


def test_of_two_machines_of_one_attempt_one_stays(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    copy_of(rehearsal, "gpu-01")
    launched = rehearsal.up()
    host = launched.fleet.host("gpu-01")
    assert host is not None
    assert only(rehearsal, "gpu-01") == host.id
    assert launched.missing == ()


def test_duplicates_end_even_in_places_that_are_not_asked_for(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    newer = copy_of(rehearsal, "gpu-01", attempt="2")
    rehearsal.up((rehearsal.place("hub"),))
    assert only(rehearsal, "gpu-01") == newer


def test_hosts_that_are_no_longer_wanted_stay(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.hosts = spec(gpu={"count": 0})
    launched = rehearsal.up()
    assert launched.fleet.host("gpu-01") is not None


def test_machines_of_another_workshop_are_left_alone(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    other = copy_of(rehearsal, "gpu-01", name="vision", attempt="9")
    rehearsal.up()
    assert rehearsal.host("gpu-01").id != other
    assert len(rehearsal.alive()["gpu-01"]) == 2


def test_another_computer_takes_over_what_is_there(rehearsal: Rehearsal) -> None:
    """No journal, no keys: the tags tell, and no place gets a second machine."""
    first = rehearsal.up()
    rehearsal.state = FleetState(rehearsal.state.folder.with_name("elsewhere"))
    again = rehearsal.up()
    assert again.created == ()
    assert again.fleet == first.fleet
    assert rehearsal.state.host_keys("gpu-01", 1) == ()  # so nobody logs in by mistake


def test_a_new_machine_beside_unseen_attempts_of_others_counts_on(rehearsal: Rehearsal) -> None:
    """A terminated machine is still listed: its attempt, and so its token, is not used again."""
    rehearsal.up()
    rehearsal.state = FleetState(rehearsal.state.folder.with_name("elsewhere"))
    Things("nlp").call("terminate_instances", InstanceIds=[only(rehearsal, "gpu-01")])
    assert rehearsal.up().created == ("gpu-01",)
    assert rehearsal.host("gpu-01").attempt == 2
