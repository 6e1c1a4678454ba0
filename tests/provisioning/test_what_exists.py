"""Beside every failure stands what there is and what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.environments.conda.channels import Channels
from provisioning.environments.delivery import Depot
from provisioning.errors import StepFailed
from provisioning.fleet_desk import FleetDesk, FleetRequest
from provisioning.hosts_spec import Ec2HostsSpec
from provisioning.paths import StatePaths
from provisioning.what_exists import telling_what_exists, what_exists
from tests.cloud.cloud import Cloud


@pytest.fixture
def desk(cloud: Cloud, tmp_path: Path) -> FleetDesk:
    paths = StatePaths(tmp_path, "class")
    spec = Ec2HostsSpec.model_validate({"provider": "ec2", "region": "us-east-1"})
    depot = Depot(paths, Path, Channels())
    return FleetDesk(FleetRequest("class", spec, 8000, "0" * 12, Path("w.yaml"), paths, depot))


def test_nothing_costs_nothing(desk: FleetDesk) -> None:
    assert what_exists(desk) == "No host exists, so nothing costs money."


def test_an_order_without_an_answer_may_still_become_a_host(desk: FleetDesk) -> None:
    journal = desk.state.journal()
    journal.write("intent", "ec2.launch", host="hub", token="t1")
    assert what_exists(desk).startswith("No host is visible yet")
    journal.write("failed", "ec2.launch", host="hub", token="t1")
    assert what_exists(desk) == "No host exists, so nothing costs money."


def test_nobody_concludes_from_a_refusal_that_nothing_is_there(
    desk: FleetDesk, cloud: Cloud
) -> None:
    cloud.settings.denied = {"ec2:DescribeInstances"}
    assert "can't be asked" in what_exists(desk)


def test_a_failure_keeps_its_kind_and_gets_a_note(desk: FleetDesk) -> None:
    with pytest.raises(StepFailed) as raised, telling_what_exists(desk):
        raise StepFailed("no luck")
    assert raised.value.message == "no luck"
    assert raised.value.__notes__ == ["No host exists, so nothing costs money."]
