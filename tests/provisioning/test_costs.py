"""Costs are ranges from the dated table: a stopped host costs its disk, a lost one nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioning.catalogue.money import Range, dollars, exactly, total
from provisioning.costs import disk_of, hourly, hourly_of, hourly_wanted, unpriced
from provisioning.fleet import Fleet, Host, WantedHost

ADDRESS = 0.005
GPU = Host("gpu-01", "gpu", "running", None, type="g4dn.xlarge", region="us-east-1")


def test_an_on_demand_host_is_its_price_a_disk_and_an_address() -> None:
    cost = hourly_of("g4dn.xlarge", "on-demand", "us-east-1", disk_gb=730)
    assert cost is not None
    assert cost.low == cost.high == pytest.approx(0.526 + 0.08 + ADDRESS)


def test_spot_costs_from_a_share_up_to_the_on_demand_price() -> None:
    cost = hourly_of("g4dn.xlarge", "spot", "us-east-1")
    assert cost is not None
    assert (cost.low, cost.high) == (
        pytest.approx(0.1315 + ADDRESS),
        pytest.approx(0.526 + ADDRESS),
    )


def test_other_regions_cost_more_by_group_and_unknown_ones_are_a_wide_range() -> None:
    frankfurt = hourly_of("g4dn.xlarge", "on-demand", "eu-central-1")
    assert frankfurt == Range(
        pytest.approx(0.526 * 1.25 + ADDRESS), pytest.approx(0.526 * 1.25 + ADDRESS)
    )
    arm = hourly_of("a1.large", "on-demand", "eu-central-1")
    assert arm is not None
    assert arm.low < arm.high < 0.051 * 1.25 + ADDRESS
    nowhere = hourly_of("g4dn.xlarge", "on-demand", "mars-north-1")
    assert nowhere is not None
    assert nowhere.low < 0.526 < nowhere.high


def test_a_host_with_a_choice_of_types_costs_from_the_cheapest_to_the_dearest() -> None:
    types = ("g4dn.xlarge", "g5.xlarge")
    wanted = WantedHost("gpu-01", "gpu", types, "on-demand", 0, None, ())
    cost = hourly_wanted(wanted, "us-east-1")
    assert cost == Range(pytest.approx(0.526 + ADDRESS), pytest.approx(1.006 + ADDRESS))
    assert hourly_wanted(replace(wanted, types=()), "us-east-1") == exactly(0)


def test_a_stopped_host_costs_its_disk_and_one_that_is_gone_nothing() -> None:
    stopped = replace(GPU, state="stopped")
    disks = {"gpu-01": 100}
    assert hourly(Fleet("demo", (stopped,)), disks) == disk_of(100, "us-east-1")
    assert hourly(Fleet("demo", (stopped,)), disks).low == pytest.approx(100 * 0.08 / 730)
    assert hourly(Fleet("demo", (replace(GPU, state="gone"),)), disks) == exactly(0)
    assert hourly(Fleet("demo", (GPU, GPU))).high == pytest.approx(2 * (0.526 + ADDRESS))


def test_a_type_without_a_price_is_named_and_not_guessed() -> None:
    odd = replace(GPU, name="gpu-02", type="x9.huge")
    assert hourly_of("x9.huge", "spot", "us-east-1") is None
    assert unpriced(Fleet("demo", (GPU, odd))) == ("gpu-02",)
    listed = replace(GPU, name="gpu-03", type="")  # a machine of a list
    assert unpriced(Fleet("demo", (listed,))) == ()


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "$0.00"),
        (0.0042, "$0.004"),
        (0.526, "$0.53"),
        (9.996, "$10.00"),
        (42.4, "$42"),
        (5504, "$5,504"),
    ],
)
def test_no_more_digits_are_shown_than_are_known(amount: float, shown: str) -> None:
    assert dollars(amount) == shown


def test_a_range_with_equal_ends_is_one_figure() -> None:
    assert Range(0.526, 0.5261).dollars() == "$0.53"
    assert Range(1.5, 12.3).dollars() == "$1.50 to $12"
    assert total([Range(1, 2), Range(3, 5)]).times(Range(2, 3)) == Range(8, 21)
