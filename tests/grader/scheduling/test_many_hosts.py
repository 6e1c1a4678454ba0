"""The same verdicts on one machine and on three worker hosts, one of which is killed."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from grader.errors import JudgeUnavailable
from grader.scheduling.keys import ensure_key, tls_files
from grader.settings import EnvironmentSettings
from tests.grader.scheduling.conftest import GradingHosts

STUDENTS = 60
FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}
#: What people hand in, in turn; with their number in it, so that no two are alike.
KINDS: tuple[Callable[[int, dict[str, str]], dict[str, str]], ...] = (
    lambda n, right: {name: f"{text}\n# {n}" for name, text in right.items()},
    lambda n, right: {**right, "total": f"def total(values):\n    return {n}"},
    lambda n, right: {**right, "double": f"raise ValueError({n})"},
    lambda n, right: {"largest": f"import os\nos._exit({n % 100})"},
    lambda n, right: {"total": f"print({n})"},
    lambda n, right: {**right, "largest": f"def largest(values):\n    return values[0] * {n}"},
)


def class_of(course: Any, answers: dict[str, str]) -> None:
    for number in range(STUDENTS):
        chosen = KINDS[number % len(KINDS)](number, answers)
        course.submit_answers(f"a{number:02}", chosen)


def verdicts_of(course: Any) -> dict[str, Any]:
    """All that was decided about everybody, without times."""
    found = {}
    for number in range(STUDENTS):
        verdict = course.verdict(f"a{number:02}")
        cells = [
            {key: value for key, value in cell.items() if key != "seconds"}
            for cell in verdict["cells"]
        ]
        found[f"a{number:02}"] = (cells, verdict["problem"], verdict["final"])
    return found


@pytest.fixture(scope="module")
def hosts(make_hosts: Callable[[int], GradingHosts]) -> GradingHosts:
    return make_hosts(3)


def test_sixty_submissions_come_out_alike_though_a_host_is_killed(
    tmp_path: Path,
    copy_released: Callable[..., Any],
    answers: dict[str, str],
    hosts: GradingHosts,
) -> None:
    here, there = copy_released(tmp_path / "here"), copy_released(tmp_path / "there")
    there = there.with_settings(worker_hosts=hosts.settings)
    for course in (here, there):
        class_of(course, answers)
    hosts.let_run(*hosts.workers)
    assert here.grade().judged == STUDENTS
    killed = threading.Thread(target=kill_in_the_middle, args=(hosts, there))
    killed.start()
    with there.cold_workplace() as place:
        done = there.grade_in(place)
    killed.join()
    assert (done.judged, done.troubles, done.queue) == (STUDENTS, (), ())
    assert verdicts_of(there) == verdicts_of(here)
    assert there.scores() == here.scores()
    hosts.wait_for("gpu-01", "gpu-03")
    judged = hosts.judged()
    assert set(judged) == {"gpu-01", "gpu-02", "gpu-03"}
    assert sum(judged.values()) == STUDENTS


def kill_in_the_middle(hosts: GradingHosts, course: Any) -> None:
    """Once a third of the class is judged, and something of it on the host that is killed."""
    deadline = time.monotonic() + 120
    folder = course.folder.root / "verdicts"
    while len(list(folder.rglob("*.json"))) < STUDENTS // 3 or not hosts.judged().get("gpu-02"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    hosts.workers["gpu-02"].kill()


def test_without_a_host_nobody_is_judged_and_nobody_loses_a_point(
    released: Any, answers: dict[str, str], hosts: GradingHosts
) -> None:
    course = released.with_settings(worker_hosts=hosts.settings)
    course.submit_answers("ada", answers)
    hosts.let_run("gpu-01")
    with course.cold_workplace() as place:
        course.grade_in(place)  # the canary is remembered from now on
        course.submit_answers("grace", {**answers, "largest": "# slow\n" + answers["largest"]})
        hosts.let_run()
        done = course.grade_in(place)
        assert {each.reason.rpartition(": ")[2] for each in done.queue} == {
            "no worker host is connected"
        }
        assert course.scores()["grace"] == dict.fromkeys(FULL)
        hosts.let_run("gpu-03")
        assert course.grade_in(place).queue == ()
    assert course.scores()["grace"] == FULL


def test_workers_come_back_to_a_dispatcher_that_was_started_anew(
    released: Any, answers: dict[str, str], hosts: GradingHosts
) -> None:
    course = released.with_settings(worker_hosts=hosts.settings)
    course.submit_answers("ada", answers)
    hosts.let_run("gpu-01", "gpu-02", "gpu-03")
    hosts.end_dispatcher()
    hosts.start_dispatcher()
    hosts.wait_for("gpu-01", "gpu-02", "gpu-03")
    with course.cold_workplace() as place:
        assert course.grade_in(place).queue == ()
    assert course.scores()["ada"] == FULL


def test_a_host_with_other_packages_is_left_out(
    released: Any, answers: dict[str, str], hosts: GradingHosts
) -> None:
    hosts.let_run("gpu-01")
    other = EnvironmentSettings(python=released.settings.environments["light"].python, identity="2")
    told = {"worker_hosts": hosts.settings, "environments": {"light": other}}
    course = released.with_settings(**told)
    course.submit_answers("ada", answers)
    with course.cold_workplace() as place, pytest.raises(JudgeUnavailable, match="other packages"):
        course.grade_in(place)
    assert course.scores() == {}


def test_the_dispatcher_sees_nothing_but_its_own(hosts: GradingHosts) -> None:
    hosts.let_run("gpu-01")
    inside = _python_below(hosts.process.pid)
    root = Path(f"/proc/{inside}/root")
    seen = {str(path.relative_to(root)) for path in (root / hosts.place.relative_to("/")).iterdir()}
    assert seen == {str((hosts.place / "dispatcher").relative_to("/"))}
    assert not (root / "root").exists()
    assert not list((root / "tmp").glob("pytest*"))
    assert b"HOME=/tmp" in Path(f"/proc/{inside}/environ").read_bytes()


@pytest.mark.parametrize("whose", ["nobody", "a stranger", "another worker"])
def test_a_worker_listens_to_the_dispatcher_alone(
    hosts: GradingHosts, tmp_path: Path, whose: str
) -> None:
    hosts.let_run("gpu-01")
    worker = hosts.workers["gpu-01"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    folder = {"a stranger": tmp_path, "another worker": hosts.place / "gpu-02" / "keys"}.get(whose)
    if folder:
        ensure_key(folder, whose, datetime.now(UTC))
        files = tls_files(folder)
        context.load_cert_chain(files.certificate, files.key)
    with (
        socket.create_connection(("127.0.0.1", worker.port), timeout=10) as line,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(line) as secured,
    ):
        # With TLS 1.3 a client hears of its refusal only now.
        raise ConnectionError if secured.recv(1) == b"" else AssertionError


def _python_below(pid: int) -> int:
    """The dispatcher itself, inside its jail."""
    family = psutil.Process(pid).children(recursive=True)
    return next(each.pid for each in family if "python" in each.name())
