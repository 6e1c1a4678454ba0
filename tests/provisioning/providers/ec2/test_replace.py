"""Another machine in a place: the old one is gone for good first, the place stays."""

from __future__ import annotations

import pytest

from provisioning.providers.ec2.errors import NoMachine
from tests.cloud import faults
from tests.provisioning.providers.ec2.rehearsal import Rehearsal


class Cut(BaseException):
    """As if the process had been killed."""


def replace(rehearsal: Rehearsal, name: str = "gpu-01", cut_at: str = "") -> object:
    def tell(who: str, done: int, total: int, step: str) -> None:
        if cut_at and cut_at in step:
            raise Cut

    return rehearsal.provider().replace(rehearsal.place(name), tell)


def attempts(rehearsal: Rehearsal) -> list[str]:
    return [order.call.get("tag:workshop:attempt") for order in rehearsal.orders("gpu-01")]


def only_attempt(rehearsal: Rehearsal) -> int:
    assert {place: len(found) for place, found in rehearsal.alive().items()} == {
        "hub": 1,
        "gpu-01": 1,
    }
    return rehearsal.host("gpu-01").attempt


def test_the_new_machine_has_the_place_and_the_next_attempt(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    old = rehearsal.host("gpu-01")
    other = rehearsal.host("hub")
    new = replace(rehearsal)
    assert new == rehearsal.host("gpu-01")
    assert new.id != old.id  # type: ignore[attr-defined]
    assert only_attempt(rehearsal) == 2
    assert rehearsal.host("hub") == other


def test_the_old_machine_holds_nothing_when_the_new_one_is_ordered(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.cloud.settings.shutting_down_seconds = 40
    old = rehearsal.host("gpu-01").id
    seen: list[str] = []

    def tell(who: str, done: int, total: int, step: str) -> None:
        if step.startswith("asking"):
            seen.extend(one.state for one in rehearsal.cloud.instances() if one.id == old)

    rehearsal.provider().replace(rehearsal.place("gpu-01"), tell)
    assert seen == ["terminated"]


def test_the_old_machines_host_key_is_forgotten(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    before = rehearsal.state.host_keys("gpu-01", 1)
    replace(rehearsal)
    assert before
    assert rehearsal.state.host_keys("gpu-01", 1) == ()
    assert rehearsal.state.host_keys("gpu-01", 2)


def test_an_empty_place_is_filled(rehearsal: Rehearsal) -> None:
    rehearsal.up((rehearsal.place("hub"),))
    replace(rehearsal)
    assert only_attempt(rehearsal) == 1


def test_cut_off_before_the_old_one_ended_it_goes_on(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    with pytest.raises(Cut):
        replace(rehearsal, cut_at="ending")
    replace(rehearsal)
    assert only_attempt(rehearsal) == 2


def test_cut_off_after_the_new_one_was_ordered_it_orders_no_third(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.cloud.settings.pending_seconds = 30
    with pytest.raises(Cut):
        replace(rehearsal, cut_at="pending")
    replace(rehearsal)
    assert only_attempt(rehearsal) == 2
    assert attempts(rehearsal) == ["1", "2"]


def test_cut_off_and_brought_up_the_next_replace_is_a_new_one(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    rehearsal.cloud.settings.pending_seconds = 30
    with pytest.raises(Cut):
        replace(rehearsal, cut_at="pending")
    rehearsal.up()
    assert only_attempt(rehearsal) == 2
    replace(rehearsal)
    assert only_attempt(rehearsal) == 3


def test_replace_twice_replaces_twice(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    replace(rehearsal)
    replace(rehearsal)
    assert only_attempt(rehearsal) == 3


def test_without_a_new_machine_it_says_why_and_up_fills_the_place(rehearsal: Rehearsal) -> None:
    rehearsal.up()
    fault = rehearsal.cloud.faults.add(action="RunInstances", effect=faults.NO_CAPACITY)
    with pytest.raises(NoMachine, match="No machine for gpu-01"):
        replace(rehearsal)
    fault.left = 0
    rehearsal.up()
    assert only_attempt(rehearsal) >= 2


def test_an_unanswered_order_of_the_old_machine_is_ended_too(rehearsal: Rehearsal) -> None:
    """Else the old order's machine would appear in the place, and be taken for the new one."""
    rehearsal.up((rehearsal.place("hub"),))
    rehearsal.cloud.settings.visible_after_seconds = 80
    fault = rehearsal.cloud.faults.add(action="RunInstances", effect=faults.LOST_CLOSED)
    assert [one.name for one in rehearsal.up().missing] == ["gpu-01"]
    fault.left = 0
    replace(rehearsal)
    assert only_attempt(rehearsal) == 2
    assert rehearsal.state.host_keys("gpu-01", 2)
