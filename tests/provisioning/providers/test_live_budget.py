"""The guard of the live tests lets nothing through that is dear, unclear or not ours."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from provisioning.fleet import Fleet
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.places import wanted_hosts
from provisioning.plan import Known, make_plan
from tests.live.account import Account, Refused, account_from, check_budget

ACCOUNT = Account("us-east-1", 2.0, gpu=False)


def plan(**changes: Any) -> dict[str, Any]:
    """A plan that passes, with these changes."""
    return {
        "workshop": "live-0",
        "verdict": "green",
        "reasons": [],
        "unasked": [],
        "hosts": [{"name": "hub", "action": "create"}],
        "cost": {"event": {"low": 0.5, "high": 1.5}, "hours": 1.0},
    } | changes


def test_a_plan_within_the_limit_passes_with_its_highest_cost() -> None:
    assert check_budget(plan(), ACCOUNT) == 1.5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"cost": {"event": {"low": 0.5, "high": 2.01}, "hours": 1.0}}, r"above the limit of \$2"),
        ({"cost": {"event": {"low": 0.0, "high": 0.0}, "hours": 1.0}}, "names no price"),
        ({"cost": {"event": {"low": 0.5, "high": 1.5}, "hours": 0.0}}, "names no price"),
        ({"cost": {"event": {"low": 0.5, "high": float("nan")}, "hours": 1.0}}, "no price"),
        ({"verdict": "red", "reasons": [{"what": "no quota"}]}, "no quota"),
        ({"unasked": ["gpu-01"]}, "exist already"),
        ({"hosts": [{"name": "hub", "action": "keep"}]}, "exist already"),
    ],
)
def test_everything_else_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_budget(plan(**changes), ACCOUNT)


@pytest.mark.parametrize("written", ["", "much", "0", "-1", "51", "nan", "inf"])
def test_a_limit_is_needed_and_has_a_limit_itself(written: str) -> None:
    with pytest.raises(Refused, match="WORKSHOP_LIVE_DOLLARS"):
        account_from({"WORKSHOP_LIVE": "1", "WORKSHOP_LIVE_DOLLARS": written})


def test_a_real_plan_has_what_the_guard_reads() -> None:
    spec = Ec2HostsSpec(provider="ec2", region="us-east-1", hours=1.0)
    real = make_plan("live-0", spec, wanted_hosts(spec), Fleet("live-0"), Known()).as_json()
    assert 0 < check_budget(real, ACCOUNT) < 2


def test_they_are_collected_only_when_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module("tests.live.test_journeys")
    monkeypatch.delenv("WORKSHOP_LIVE", raising=False)
    conftest = importlib.import_module("tests.live.conftest")
    assert importlib.reload(conftest).collect_ignore_glob == ["test_*.py"]
    monkeypatch.setenv("WORKSHOP_LIVE", "1")
    assert importlib.reload(conftest).collect_ignore_glob == []
