"""What `up` tells the dispatcher, the workers and the grader is what these read."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from grader.scheduling.dispatcher import Desk
from grader.scheduling.settings import DispatcherSettings, WorkerSettings
from grader.settings import WorkerHostsSettings
from hub_config.fleet.links import Forward, wanted_links
from hub_config.fleet.seat_map import SeatMap
from hub_config.grading_hosts.at_work import GradingHost, grading_hosts
from hub_config.grading_hosts.places import (
    DISPATCHER_PORT,
    dispatcher_folder,
    dispatcher_settings,
    socket_of,
    told_to_grader,
    worker_hosts,
    worker_port_of,
    worker_settings,
)
from hub_config.grading_hosts.unit import ACCOUNT, install_script, unit_text
from hub_config.program import Accounts
from hub_config.programs import programs
from hub_config.settings import HubSettings, Ports, SeatHostSettings, SeatSettings, Secrets

SECRETS = Secrets(**{name: f"secret-{name}" for name in Secrets.model_fields})


def host(name: str) -> SeatHostSettings:
    role = name.partition("-")[0]
    return SeatHostSettings(
        name=name, address=f"{name}.example", host_key="ssh-ed25519 AAAA", role=role
    )


@pytest.fixture
def told(tmp_path: Path) -> HubSettings:
    """A workshop with two hosts that grade and one that does not."""
    seat = SeatSettings(
        isolation="accounts", memory_bytes=2**31, cpus=1.0, processes=512, environments=(),
        kernels=(), jupyter_path=(), config=tmp_path,
    )  # fmt: skip
    return HubSettings(
        workshop="demo", course="nlp", bind="127.0.0.1", address="http://127.0.0.1:8000",
        ports=Ports(public=8000, hub=1, proxy_api=2, exchange=3, formgrader=4, arm=5),
        state_home=tmp_path, hub_folder=tmp_path, homes=tmp_path, library=tmp_path / "lib",
        seats_file=tmp_path, secrets_file=tmp_path, hub_python=Path("/srv/hub/bin/python"),
        certificate=None, certificate_key=None, seat=seat, starts_at_once=4, idle_minutes=60,
        login=None, instructors=(), assistants=(), attendees=(), links=tmp_path / "links",
        seat_hosts=(host("gpu-01"), host("arm-01"), host("gpu-02")), grade_on_hosts=True,
    )  # fmt: skip


def test_what_the_dispatcher_is_told_is_what_it_reads(told):
    read = DispatcherSettings.model_validate_json(dispatcher_settings(told))
    assert read.port == DISPATCHER_PORT
    assert len(str(read.socket)) < 107
    assert read.tls.key.is_relative_to(dispatcher_folder(told.state_home))


def test_what_a_worker_is_told_is_what_it_reads(told):
    gpu = told.seat_hosts[2]
    read = WorkerSettings.model_validate_json(worker_settings(told, gpu, {"nlp-gpu": "12ab"}))
    assert (read.name, read.scheduler, read.port) == ("gpu-02", DISPATCHER_PORT, 29202)
    assert read.environments["nlp-gpu"].identity == "12ab"


def test_the_grader_is_told_as_many_as_the_hosts_said(told):
    folder = dispatcher_folder(told.state_home)
    folder.mkdir()
    said = {"gpu-01": {"slots": 3, "certificate": "a"}, "gpu-02": {"slots": 2, "certificate": "b"}}
    (folder / "workers.json").write_text(json.dumps(said))
    read = WorkerHostsSettings.model_validate(told_to_grader(told))
    assert read.slots == 5
    assert read.socket == DispatcherSettings.model_validate_json(dispatcher_settings(told)).socket


@pytest.mark.parametrize("change", [{"grade_on_hosts": False}, {"links": None}])
def test_without_hosts_that_grade_the_hub_host_does(told, change):
    told = told.model_copy(update=change)
    assert worker_hosts(told) == ()
    assert told_to_grader(told) is None
    assert "dispatcher" not in {each.name for each in programs(told, SECRETS, Accounts())}


def test_the_links_carry_it_and_arm_hosts_have_no_part_in_it(told):
    links = {link.host.name: link for link in wanted_links(told, SeatMap())}
    for name in ("gpu-01", "gpu-02"):
        port = worker_port_of(told, links[name].host)
        assert Forward.port(port) in links[name].here
        assert Forward.port(DISPATCHER_PORT) in links[name].there
    assert Forward.port(DISPATCHER_PORT) not in links["arm-01"].there


def test_the_dispatcher_has_an_account_of_its_own_and_no_secret(told):
    accounts = Accounts(service="s", grader="g", arm="a", dispatcher="d")
    found = {each.name: each for each in programs(told, SECRETS, accounts)}["dispatcher"]
    assert found.account == "d"
    said = " ".join((*found.argv, *(value for _, value in found.environment)))
    assert "secret" not in said


def test_a_worker_runs_as_nobody_else_and_is_started_anew_when_it_is_told_something_else(told):
    one, other = unit_text(told, "a"), unit_text(told, "b")
    assert f"--reuid={ACCOUNT}" in one
    assert one != other
    assert "'gpu-01'" in install_script(told, "gpu-01")


class _Placing:
    """What a dispatcher's desk asks of its placing."""

    def __init__(self) -> None:
        self.judged = Counter({"gpu-02": 7})

    def hosts(self) -> dict[str, int]:
        return {"gpu-01": 3}


async def test_status_knows_which_hosts_grade_and_how_many_each_has_judged(told):
    lost, at_work = GradingHost("gpu-02", False, 7), GradingHost("gpu-01", True, 0)
    socket = socket_of(told.state_home)
    socket.parent.mkdir()
    async with await asyncio.start_unix_server(Desk(_Placing()).answer, socket):
        assert await asyncio.to_thread(grading_hosts, told) == (at_work, lost)
    socket.unlink(missing_ok=True)
    assert [each.connected for each in grading_hosts(told)] == [False, False]
    assert grading_hosts(told.model_copy(update={"grade_on_hosts": False})) == ()
