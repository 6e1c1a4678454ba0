"""The first workshop on EC2, as docs/first-workshop-on-ec2.md tells it, on eight real hosts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.cloud import Cloud
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.e2e.fleet.fleet_at_work import FleetAtWork, write_fleet

NAMES = ["gpu-01", "gpu-02", "gpu-03", "gpu-04", "gpu-05", "gpu-06", "gpu-07", "hub"]


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetAtWork]:
    with tempfile.TemporaryDirectory(prefix="workshop-fleet-") as folder:
        Path(folder).chmod(0o755)  # environments are tried under an account that owns nothing
        with Cloud(machines=NamespaceMachines()) as cloud:
            yield write_fleet(Path(folder), cloud, name="first", gpus=6)


def test_a_fleet_is_planned_raised_used_mended_and_gone(fleet: FleetAtWork) -> None:
    _plan(fleet)
    _up(fleet)
    _again(fleet)
    _use(fleet)
    _replace(fleet)
    _move_access_and_deadline(fleet)
    _down(fleet)


def _plan(fleet: FleetAtWork) -> None:
    fleet.cli("env", "lock", "toy")
    plan = fleet.cli("plan", "--json").json
    assert plan["verdict"] == "green"
    assert sorted(host["name"] for host in plan["hosts"]) == NAMES
    assert {host["action"] for host in plan["hosts"]} == {"create"}
    assert not [
        call
        for call in fleet.cloud.calls
        if call.call.action == "RunInstances" and "DryRun" not in call.call.parameters
    ]


def _up(fleet: FleetAtWork) -> None:
    refused = fleet.cli("up", check=False)
    assert refused.status == 2
    assert "add --yes" in refused.stderr
    assert not fleet.cloud.instances()
    said = fleet.cli("up", "--yes")
    assert "8 of 8 hosts are ready." in said.stdout
    assert len(fleet.cloud.instances()) == 8


def _again(fleet: FleetAtWork) -> None:
    """A second `up` changes nothing."""
    before = {one.id for one in fleet.cloud.instances()}
    fleet.cli("up", "--yes")
    assert {one.id for one in fleet.cloud.instances()} == before


def _use(fleet: FleetAtWork) -> None:
    hosts = fleet.cli("status", "--json").json["hosts"]
    assert sorted(each["host"]["name"] for each in hosts) == NAMES
    assert all(each["answers"] for each in hosts)
    assert all(len(each["environments"]) == 1 for each in hosts)
    said = fleet.cli(
        "host",
        "exec",
        "--json",
        "/opt/workshop/environments/toy/bin/python -c 'import six'; hostname",
    ).json
    assert {name: each["output"].strip() for name, each in said.items()} == {n: n for n in NAMES}
    (shipped,) = fleet.cli("env", "ship", "--json").json
    assert {each["state"] for each in shipped["hosts"].values()} == {"already"}
    proofs = fleet.cli("env", "verify", "--json").json
    assert len(proofs) == 8
    assert all(each["ok"] for each in proofs)


def _replace(fleet: FleetAtWork) -> None:
    before = {one.id for one in fleet.cloud.instances() if one.state == "running"}
    fleet.cli("host", "replace", "gpu-03", "--yes")
    after = {one.id for one in fleet.cloud.instances() if one.state == "running"}
    assert len(before & after) == 7
    assert len(after) == 8
    said = fleet.cli("host", "exec", "--on", "gpu-03", "--json", "hostname").json
    assert said["gpu-03"]["output"].strip() == "gpu-03"
    assert all(each["ok"] for each in fleet.cli("env", "verify", "--on", "gpu-03", "--json").json)


def _move_access_and_deadline(fleet: FleetAtWork) -> None:
    before = fleet.cli("status", "--json").json["hosts"][0]["host"]["deadline"]
    fleet.cli("extend", "45")
    after = fleet.cli("status", "--json").json["hosts"][0]["host"]["deadline"]
    assert after > before
    assert "Nothing to do" in fleet.cli("access", "refresh").stdout


def _down(fleet: FleetAtWork) -> None:
    (found,) = fleet.cli("sweep", "--json").json
    assert (found["workshop"], found["alive"]) == ("first", True)
    refused = fleet.cli("sweep", "--end", "first", "--yes", check=False)
    assert refused.status == 2
    assert "is alive" in refused.stderr
    assert "Nothing is left." in fleet.cli("down", "--yes").stdout
    assert "No workshop has left anything" in fleet.cli("sweep").stdout
    assert fleet.cloud.inventory() == ()
    state = fleet.folder / "state" / "first" / "fleet"
    assert sorted(path.name for path in state.iterdir()) == ["journal.jsonl"]
    for line in (state / "journal.jsonl").read_text().splitlines():
        assert "PRIVATE KEY" not in json.dumps(json.loads(line))
