"""The gatherer looks at real folders and sockets; whatever is absent, it comes back with facts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hub_config.extending.records import STEP, Extension, Extensions, Wish, write_extensions
from hub_config.hub_host.fleet_facts import fleet_facts
from hub_config.people import Person
from hub_config.seats import add_seat
from hub_config.settings import HubSettings, SeatHostSettings
from hub_config.wall.facts import Usage, read_facts, write_facts
from hub_config.wall.gatherer import Gatherer
from hub_config.wall.host_facts import when_out_of_memory
from hub_config.wall.hub_users import HubUsers
from provisioning.deadline_timer import deadline_timer
from provisioning.fleet import Fleet, Host
from tests.hub_config.test_render import settings

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOWHERE = HubUsers("http://127.0.0.1:1/hub/api", "token")


@pytest.fixture
def told(tmp_path: Path) -> HubSettings:
    hub = tmp_path / "hub"
    for folder in (hub, tmp_path / "wall-facts", tmp_path / "course" / "records"):
        folder.mkdir(parents=True)
    return settings(
        state_home=tmp_path,
        hub_folder=hub,
        seats_file=tmp_path / "seats.json",
        grade_on_submit=True,
        seat_hosts=(SeatHostSettings(name="gpu-1", address="10.0.0.1", host_key="k"),),
    )


def test_a_state_folder_with_nothing_in_it_gives_facts_and_says_what_is_missing(
    told: HubSettings,
) -> None:
    facts = Gatherer(told, NOWHERE).look()
    assert facts.servers is None
    assert "The hub does not answer" in facts.troubles[0]
    assert [(host.name, host.state) for host in facts.hosts] == [
        ("hub", "well"),
        ("gpu-1", "unknown"),
    ]
    assert (facts.grading, facts.fleet, facts.labs) == (None, None, ())


@pytest.mark.parametrize(
    "nonsense", ["{", "[]", "null", '{"hosts": 3}', '{"hosts": [{"state": 1}]}']
)
def test_files_of_others_that_make_no_sense_break_nothing(told: HubSettings, nonsense: str) -> None:
    for path in (
        told.hub_folder / "hosts.json",
        told.hub_folder / "fleet-facts.json",
        told.state_home / "grader.json",
        told.state_home / "course" / "records" / "standing.json",
    ):
        path.write_text(nonsense)
    facts = Gatherer(told, NOWHERE).look()
    assert {host.name for host in facts.hosts} >= {"hub", "gpu-1"}
    target = told.state_home / "wall-facts" / "facts.json"
    write_facts(target, facts)
    assert read_facts(target) == facts


def test_hosts_money_and_queue_are_read_from_their_files(told: HubSettings) -> None:
    told.hub_folder.joinpath("hosts.json").write_text(
        json.dumps(
            {
                "at": NOW.isoformat(),
                "hosts": [
                    {"name": "gpu-1", "state": "dead", "since": NOW.isoformat(), "seats": ["ada"]}
                ],
            }
        )
    )
    host = Host(
        "gpu-1",
        "gpu",
        "running",
        None,
        type="g4dn.xlarge",
        region="eu-west-1",
        launched_at=NOW - timedelta(hours=2),
        deadline=NOW + timedelta(hours=1),
    )
    text = fleet_facts(Fleet("day", (host,)), {"gpu-1": 50}, NOW)
    assert text is not None
    told.hub_folder.joinpath("fleet-facts.json").write_text(text)
    standing = {"now": [["sums", "ada"]], "waiting": [], "assistant": [], "held": [], "failed": []}
    record = told.state_home / "course" / "records" / "standing.json"
    record.write_text(json.dumps(standing))
    facts = Gatherer(told, NOWHERE, lambda: NOW).look()
    assert [(host.name, host.state, host.seats) for host in facts.hosts[1:]] == [
        ("gpu-1", "dead", ("ada",))
    ]
    assert facts.fleet is not None
    assert facts.fleet.hourly is not None
    assert facts.fleet.spent == pytest.approx(tuple(2 * each for each in facts.fleet.hourly))
    assert facts.fleet.deadline == NOW + timedelta(hours=1)
    assert facts.grading is not None
    assert facts.grading.now == (("sums", "ada"),)


def test_this_host_s_own_timer_is_believed_before_what_was_told_at_up(
    told: HubSettings, tmp_path: Path
) -> None:
    later = datetime(2026, 11, 22, 13, 30, 5, tzinfo=UTC)
    timer = tmp_path / "workshop-deadline.timer"
    timer.write_text(deadline_timer(later))
    facts = Gatherer(told, NOWHERE, timer=timer).look()
    assert facts.fleet is not None
    assert facts.fleet.deadline == later
    assert facts.fleet.times_left == 0
    may = told.model_copy(update={"extend_minutes": 60})
    wish = Wish("w", "grace", NOW, later - STEP)
    write_extensions(told.hub_folder, Extensions((Extension(wish, NOW, later),)))
    facts = Gatherer(may, NOWHERE, timer=timer).look()
    assert facts.fleet.times_left == 1
    assert facts.fleet.extensions.newest.wish == wish
    timer.write_text("[Timer]\nOnCalendar=soon\n")
    assert Gatherer(told, NOWHERE, timer=timer).look().fleet is None


def test_on_one_machine_the_hub_s_own_host_is_this_machine_and_is_listed_once(
    told: HubSettings,
) -> None:
    alone = told.model_copy(update={"seat_hosts": ()})
    row = {"name": "hub", "state": "well", "since": NOW.isoformat(), "seats": ["ada"]}
    hosts = {"at": NOW.isoformat(), "hosts": [row]}
    told.hub_folder.joinpath("hosts.json").write_text(json.dumps(hosts))
    (host,) = Gatherer(alone, NOWHERE, lambda: NOW).look().hosts
    assert (host.name, host.seats) == ("this machine", ("ada",))


class _Hub(BaseHTTPRequestHandler):
    """The one answer of JupyterHub that the gatherer asks for, as JupyterHub 6.1 gives it."""

    running = True

    def do_GET(self) -> None:
        ready = {
            "": {
                "ready": True,
                "pending": None,
                "started": "2026-11-22T09:00:00.000000Z",
                "last_activity": "2026-11-22T09:58:00.000000Z",
            }
        }
        row = {
            "name": "ada",
            "last_activity": "2026-11-22T09:58:00.000000Z",
            "pending": None,
            "servers": ready if _Hub.running else {},
        }
        body = json.dumps([row]).encode()
        self.send_response(200 if self.headers["Authorization"] == "token right" else 403)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    _Hub.running = True
    yield f"http://127.0.0.1:{server.server_port}/hub/api"
    server.shutdown()
    server.server_close()


def test_a_server_that_ran_is_remembered_over_looks_and_restarts(
    told: HubSettings, hub: str
) -> None:
    add_seat(told.seats_file, Person("Ada", "", "attendee", "ada"))
    users, target = HubUsers(hub, "right"), told.state_home / "wall-facts" / "facts.json"
    write_facts(target, Gatherer(told, users, lambda: NOW).look())
    _Hub.running = False
    facts = Gatherer(told, users, lambda: NOW + timedelta(minutes=1)).look()
    assert facts.servers is not None
    (server,) = facts.servers
    assert (server.running, server.ran_at) == (False, NOW)
    assert [(person.username, person.number) for person in facts.people] == [("ada", 1)]
    assert HubUsers(hub, "wrong").read() is None


def use(count: int) -> Usage:
    return Usage("ada", "gpu-1", True, out_of_memory=count)


def test_out_of_memory_gets_its_moment_when_the_count_grows() -> None:
    (first,) = when_out_of_memory(NOW, [use(2)], [])
    assert first.out_of_memory_at is None  # it may be old
    (same,) = when_out_of_memory(NOW, [use(2)], [first])
    assert same.out_of_memory_at is None
    (grown,) = when_out_of_memory(NOW, [use(3)], [same])
    assert grown.out_of_memory_at == NOW
    (kept,) = when_out_of_memory(NOW + timedelta(minutes=1), [use(3)], [grown])
    assert kept.out_of_memory_at == NOW
    (anew,) = when_out_of_memory(NOW + timedelta(minutes=2), [use(0)], [kept])
    assert anew.out_of_memory_at is None
