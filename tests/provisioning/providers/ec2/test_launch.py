"""One place, one machine: whatever AWS answers, and whatever it doesn't answer."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from provisioning.errors import WorkshopError
from provisioning.providers.ec2.errors import (
    AnswerLost,
    EndedEarly,
    NoMachine,
    NotAllowed,
    NotUpYet,
    Throttled,
)
from tests.cloud import faults
from tests.cloud.faults import Effect
from tests.cloud.instance_life import NO_MACHINE
from tests.provisioning.providers.ec2.rehearsal import Rehearsal, no_hub, spec


def one_gpu(rehearsal: Rehearsal, **changes: object) -> None:
    rehearsal.hosts = spec(gpu={"count": 1, **changes}, zones=("us-east-1a", "us-east-1b"))


def tried(rehearsal: Rehearsal) -> list[str]:
    """What was asked for gpu-01, in order, such as "g4dn.xlarge on-demand b"."""
    return [
        f"{request['type']} {request['market']} {request['zone'][-1]}"
        for request in asked_for(rehearsal)
    ]


def asked_for(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    """The orders as the journal has them, once for each call that arrived."""
    entries = rehearsal.journal().of_step("ec2.launch")
    intents = {one.facts["token"]: one.facts for one in entries if one.kind == "intent"}
    return [intents[one.call.get("ClientToken")] for one in rehearsal.orders("gpu-01")]


def fill(rehearsal: Rehearsal) -> str:
    """The type, market and zone of the machine that gpu-01 got."""
    launched = rehearsal.up(no_hub(rehearsal.hosts))
    assert launched.missing == ()
    host = launched.fleet.host("gpu-01")
    assert host is not None
    assert [len(machines) for machines in rehearsal.alive().values()] == [1]
    return f"{host.type} {host.market} {host.zone[-1]}"


def why_missing(rehearsal: Rehearsal) -> WorkshopError:
    (missing,) = rehearsal.up(no_hub(rehearsal.hosts)).missing
    assert missing.name == "gpu-01"
    assert missing.why.next_step
    return missing.why


def tokens(rehearsal: Rehearsal) -> set[str]:
    return {one.call.get("ClientToken") for one in rehearsal.orders("gpu-01")}


def test_without_capacity_the_next_zone_is_asked(rehearsal: Rehearsal) -> None:
    # HTTP 500: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    one_gpu(rehearsal)
    rehearsal.cloud.settings.no_capacity = {("g4dn.xlarge", "us-east-1b")}
    assert fill(rehearsal) == "g4dn.xlarge on-demand a"
    assert tried(rehearsal) == ["g4dn.xlarge on-demand b", "g4dn.xlarge on-demand a"]
    assert len(tokens(rehearsal)) == 2


def test_without_capacity_in_any_zone_the_next_type_is_asked(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.no_capacity = {("g4dn.xlarge", "*")}
    assert fill(rehearsal) == "g5.xlarge on-demand b"


def test_without_spot_capacity_the_host_is_on_demand(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal, market="spot")
    rehearsal.cloud.faults.add(
        action="RunInstances", effect=faults.NO_CAPACITY, when={"market": "spot"}
    )
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert len(tried(rehearsal)) == 5  # two types in two zones before


def test_a_spot_quota_is_not_asked_about_in_every_zone(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal, market="spot")
    rehearsal.cloud.faults.add(
        action="RunInstances", effect=faults.SPOT_QUOTA, when={"market": "spot"}
    )
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert tried(rehearsal)[:2] == ["g4dn.xlarge spot b", "g5.xlarge spot b"]


def test_a_type_that_a_zone_does_not_take_is_asked_for_elsewhere(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    effect = faults.error("Unsupported", 400, "Your requested instance type is not supported")
    rehearsal.cloud.faults.add(action="RunInstances", effect=effect, when={"zone": "us-east-1b"})
    assert fill(rehearsal) == "g4dn.xlarge on-demand a"


def test_zones_without_the_type_are_not_asked(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.not_offered = {("g4dn.xlarge", "us-east-1b"), ("g5.xlarge", "*")}
    assert fill(rehearsal) == "g4dn.xlarge on-demand a"
    assert tried(rehearsal) == ["g4dn.xlarge on-demand a"]


def test_a_type_that_aws_dislikes_for_itself_is_asked_for_once(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    effect = faults.error("InvalidParameterCombination", 400, "Not with this image.")
    rehearsal.cloud.faults.add(
        action="RunInstances", effect=effect, when={"InstanceType": "g4dn.xlarge"}
    )
    assert fill(rehearsal) == "g5.xlarge on-demand b"
    assert len(tried(rehearsal)) == 2


def test_when_nothing_can_be_had_every_refusal_is_told(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.no_capacity = {("*", "*")}
    why = why_missing(rehearsal)
    assert isinstance(why, NoMachine)
    assert "g5.xlarge on-demand in us-east-1a" in why.message
    assert "InsufficientInstanceCapacity" in why.message
    assert "repeat `workshop up`" in why.next_step
    assert rehearsal.alive() == {}


def test_when_it_is_sold_nowhere_no_order_is_sent(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.not_offered = {("*", "*")}
    why = why_missing(rehearsal)
    assert isinstance(why, NoMachine)
    assert "offered" in why.message
    assert tried(rehearsal) == []


def test_a_quota_of_zero_leads_to_the_plan(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.be_a_fresh_account()
    why = why_missing(rehearsal)
    assert isinstance(why, NoMachine)
    assert "VcpuLimitExceeded" in why.message
    assert "workshop plan" in why.next_step


def test_a_second_try_after_a_refusal_is_a_new_order(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.no_capacity = {("*", "*")}
    why_missing(rehearsal)
    refused = tokens(rehearsal)
    rehearsal.cloud.settings.no_capacity = set()
    rehearsal.cloud.calls.clear()
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert not refused & tokens(rehearsal)


def test_without_permission_nothing_else_is_tried(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.denied = {"ec2:RunInstances"}
    assert isinstance(why_missing(rehearsal), NotAllowed)
    assert len(tried(rehearsal)) == 1


def test_throttling_is_waited_out_under_one_token(rehearsal: Rehearsal) -> None:
    # HTTP 503: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
    one_gpu(rehearsal)
    rehearsal.cloud.faults.add(action="RunInstances", effect=faults.THROTTLED, times=3)
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert len(tokens(rehearsal)) == 1


def test_endless_throttling_ends_with_its_reason(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.faults.add(action="RunInstances", effect=faults.THROTTLED)
    assert isinstance(why_missing(rehearsal), Throttled)
    (ended,) = [e for e in rehearsal.journal().of_step("ec2.launch") if e.kind == "failed"]
    assert ended.facts["code"] == "RequestLimitExceeded"


@pytest.mark.parametrize("effect", [faults.LOST, faults.LOST_CLOSED, faults.CLOSED])
@pytest.mark.parametrize("hidden_from_calls", [0, 5])
def test_a_lost_answer_makes_no_second_machine(
    rehearsal: Rehearsal, effect: Effect, hidden_from_calls: int
) -> None:
    """Done or not, visible or not: the token tells.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    one_gpu(rehearsal)
    rehearsal.cloud.settings.hidden_from_calls = hidden_from_calls
    rehearsal.cloud.faults.add(action="RunInstances", effect=effect, times=1)
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert len(tokens(rehearsal)) == 1
    assert len(rehearsal.cloud.instances()) == 1


def test_an_order_that_is_never_answered_is_found_by_the_next_up(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.visible_after_seconds = 90
    fault = rehearsal.cloud.faults.add(action="RunInstances", effect=faults.LOST_CLOSED)
    assert isinstance(why_missing(rehearsal), AnswerLost)
    fault.left = 0
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert len(rehearsal.cloud.instances()) == 1
    assert len(tokens(rehearsal)) == 1


def test_an_order_that_never_arrived_is_sent_again_unchanged(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    fault = rehearsal.cloud.faults.add(action="RunInstances", effect=faults.CLOSED)
    assert isinstance(why_missing(rehearsal), AnswerLost)
    fault.left = 0
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    orders = [dict(one.call.parameters) for one in rehearsal.orders("gpu-01")]
    assert orders == [orders[0]] * len(orders)


def test_an_open_order_that_is_no_longer_wanted_is_looked_for_and_given_up(
    rehearsal: Rehearsal,
) -> None:
    one_gpu(rehearsal)
    fault = rehearsal.cloud.faults.add(action="RunInstances", effect=faults.CLOSED)
    why_missing(rehearsal)
    fault.left = 0
    one_gpu(rehearsal, types=["g5.xlarge"])
    rehearsal.cloud.calls.clear()
    assert fill(rehearsal) == "g5.xlarge on-demand b"
    assert tried(rehearsal) == ["g5.xlarge on-demand b"]
    failed = [e for e in rehearsal.journal().of_step("ec2.launch") if e.kind == "failed"]
    assert failed[-1].facts["code"] == "NeverMade"


def test_a_wait_cut_short_orders_no_second_machine_while_the_first_is_unseen(
    rehearsal: Rehearsal,
) -> None:
    """Ctrl-C between AWS's yes and the first listing that shows the machine."""
    one_gpu(rehearsal)
    rehearsal.cloud.settings.visible_after_seconds = 60

    def cut(who: str, done: int, total: int, step: str) -> None:
        if step == "ordered":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rehearsal.provider().ensure(no_hub(rehearsal.hosts), cut)
    assert rehearsal.provider().observe().hosts == ()
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert len(rehearsal.cloud.instances()) == 1


def test_new_groups_and_keys_may_take_a_while_to_be_seen(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.groups_hidden_from_calls = 4
    for code in ("InvalidKeyPair.NotFound", "InvalidGroup.NotFound"):
        effect = faults.error(code, 400, "It does not exist")
        rehearsal.cloud.faults.add(action="RunInstances", effect=effect, times=2)
    assert fill(rehearsal) == "g4dn.xlarge on-demand b"
    assert len(tokens(rehearsal)) == 1


def end_while_pending(rehearsal: Rehearsal, times: int) -> None:
    """AWS takes the next machines back before they run, as for lack of a KMS key.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
    """
    rehearsal.cloud.settings.pending_seconds = 20
    ended: set[str] = set()
    tell = rehearsal.tell

    def end(who: str, done: int, total: int, step: str) -> None:
        tell(who, done, total, step)
        if step.endswith("pending"):
            for one in rehearsal.cloud.instances():
                if one.state == "pending" and len(ended) < times:
                    ended.add(one.id)
                    one.begin_termination(NO_MACHINE)

    rehearsal.tell = end  # type: ignore[method-assign]


def test_a_machine_that_dies_before_it_runs_has_a_successor(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    end_while_pending(rehearsal, times=1)
    assert fill(rehearsal) == "g4dn.xlarge on-demand a"  # not in the same zone again
    assert rehearsal.host("gpu-01").attempt == 2
    assert len(rehearsal.state.host_keys("gpu-01", 2)) == 1


def test_machines_that_keep_dying_are_given_up_with_the_reason(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    end_while_pending(rehearsal, times=9)
    why = why_missing(rehearsal)
    assert isinstance(why, EndedEarly)
    assert "3 machines for gpu-01" in why.message
    assert "Server.InternalError" in why.message
    assert rehearsal.alive() == {}


def test_a_machine_that_never_runs_is_named_because_it_costs(rehearsal: Rehearsal) -> None:
    one_gpu(rehearsal)
    rehearsal.cloud.settings.pending_seconds = 10**6
    why = why_missing(rehearsal)
    assert isinstance(why, NotUpYet)
    ((machine,),) = rehearsal.alive().values()
    assert f"gpu-01, {machine.id}, is pending after 100 s" in why.message
    assert "workshop host replace gpu-01" in why.next_step


def test_one_place_that_fails_does_not_spoil_the_others(rehearsal: Rehearsal) -> None:
    rehearsal.cloud.faults.add(
        action="RunInstances", effect=faults.NO_CAPACITY, when={"tag:workshop:host": "gpu-01"}
    )
    launched = rehearsal.up()
    assert [missing.name for missing in launched.missing] == ["gpu-01"]
    assert launched.created == ("hub",)
    assert all(host.address for host in launched.fleet.hosts)
    rehearsal.cloud.faults.clear()
    again = rehearsal.up()
    assert (again.missing, again.created) == ((), ("gpu-01",))


def test_a_machine_that_appears_while_we_wait_for_others_is_taken_in(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.cloud.settings.visible_after_seconds = 70
    rehearsal.cloud.settings.pending_seconds = 95
    rehearsal.cloud.faults.add(
        action="RunInstances",
        effect=faults.LOST_CLOSED,
        when={"tag:workshop:host": "gpu-01"},
    )
    launched = rehearsal.up()
    assert launched.missing == ()
    assert launched.created == ("gpu-01", "hub")
    assert {place: len(machines) for place, machines in rehearsal.alive().items()} == {
        "hub": 1,
        "gpu-01": 1,
    }


def test_interrupting_cuts_the_waiting_of_all_threads_short(rehearsal: Rehearsal) -> None:
    rehearsal.cloud.faults.add(
        action="RunInstances", effect=faults.THROTTLED, when={"tag:workshop:host": "gpu-01"}
    )
    before, orders = set(threading.enumerate()), list[int]()

    def cut(who: str, done: int, total: int, step: str) -> None:
        if who == "hub" and done == 2:
            orders.append(len(rehearsal.orders("gpu-01")))
            raise KeyboardInterrupt

    places = tuple(map(rehearsal.place, ("hub", "gpu-01")))
    with pytest.raises(KeyboardInterrupt):
        rehearsal.provider().ensure(places, cut)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert len(rehearsal.orders("gpu-01")) <= orders[0] + 1  # one may have been under way
