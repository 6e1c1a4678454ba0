"""The command line: exit codes, one message each, nothing half-made."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import workshop

ROSTER = "name,email,role\nAda,ada@example.org,attendee\n"
SPEC = "name: cli-test\ncourse: {course}\nroster: roster.csv\nhub: {{port: 18431}}\n"
COURSE = Path(__file__).parent / "e2e" / "course"

Run = Callable[..., Result]


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that is not there yet, below one that every account may enter."""
    parent = Path(tempfile.mkdtemp(dir="/var/tmp"))
    parent.chmod(0o755)
    yield parent / "state"
    shutil.rmtree(parent)


@pytest.fixture
def run(tmp_path: Path, state: Path) -> Run:
    """One command in a folder with a spec that is right, unless the test changes it."""
    (tmp_path / "workshop.yaml").write_text(SPEC.format(course=COURSE))
    (tmp_path / "roster.csv").write_text(ROSTER)

    def call(*arguments: str) -> Result:
        spec = ["-f", str(tmp_path / "workshop.yaml"), "--state", str(state)]
        return CliRunner().invoke(workshop, [*spec, *arguments])

    return call


def edit(tmp_path: Path, **lines: str) -> None:
    with (tmp_path / "workshop.yaml").open("a") as spec:
        spec.writelines(f"{key}: {value}\n" for key, value in lines.items())


def test_help_names_the_commands_in_the_order_of_a_workshop() -> None:
    text = CliRunner().invoke(workshop, ["--help"]).output
    listed = [line.split()[0] for line in text[text.index("Commands:") :].splitlines()]
    order = ["init", "check", "up", "status", "rehearse", "release", "grade", "report", "down"]
    assert [word for word in listed if word in order] == order


@pytest.mark.parametrize("command", [[], *([name] for name in workshop.commands)])
def test_every_command_explains_itself(command: list[str]) -> None:
    answer = CliRunner().invoke(workshop, [*command, "--help"])
    assert answer.exit_code == 0
    assert len(answer.output.splitlines()) >= 5


def test_init_writes_files_that_check_accepts(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "mine"
    assert run("init", str(folder)).exit_code == 0
    spec = ["-f", str(folder / "workshop.yaml"), "--state", "/var/tmp/workshop-tests"]
    answer = CliRunner().invoke(workshop, [*spec, "check", "--json"])
    findings = json.loads(answer.output[: answer.output.rindex("]") + 1])
    assert {finding["severity"] for finding in findings} <= {"ok", "warn", "stop"}


def test_init_overwrites_nothing(tmp_path: Path, run: Run) -> None:
    before = (tmp_path / "roster.csv").read_text()
    answer = run("init", str(tmp_path))
    assert answer.exit_code == 2
    assert answer.output == (
        f"workshop: {tmp_path}/workshop.yaml exists; nothing was written\n"
        "  → edit it and run `workshop check`, or remove workshop.yaml first\n"
    )
    assert (tmp_path / "roster.csv").read_text() == before


@pytest.mark.parametrize("command", ["check", "up"])
def test_a_bad_file_is_exit_code_2_and_nothing_is_made(
    command: str, tmp_path: Path, run: Run, state: Path
) -> None:
    edit(tmp_path, colour="blue")
    answer = run(command)
    assert answer.exit_code == 2
    assert f"{tmp_path}/workshop.yaml, line 5, colour:" in answer.output
    assert not state.exists()


@pytest.mark.parametrize("command", ["check", "up"])
def test_a_bad_roster_is_exit_code_2_and_nothing_is_made(
    command: str, tmp_path: Path, run: Run, state: Path
) -> None:
    (tmp_path / "roster.csv").write_text(ROSTER + "Bob,ADA@example.org,attendee\n")
    answer = run(command)
    assert answer.exit_code == 2
    assert "line 3" in answer.output
    assert "line 2" in answer.output
    assert not state.exists()


@pytest.mark.parametrize("command", ["check", "up"])
def test_a_date_in_the_past_is_exit_code_2(
    command: str, tmp_path: Path, run: Run, state: Path
) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    edit(tmp_path, date=str(yesterday))
    answer = run(command)
    assert answer.exit_code == 2
    assert f"workshop.yaml, line 5, date: found {yesterday}, which is past" in answer.output
    assert not state.exists()


def test_an_unknown_track_names_the_tracks_there_are(tmp_path: Path, run: Run) -> None:
    edit(tmp_path, track="tuesday")
    answer = run("check")
    assert answer.exit_code == 2
    found = "workshop.yaml, line 5, track: found tuesday"
    assert f"{found}\n  → write a track of {COURSE}" in answer.output


@pytest.mark.parametrize("command", ["check", "up"])
def test_a_port_in_use_stops_before_anything_is_made(
    command: str, tmp_path: Path, run: Run, state: Path
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        spec = tmp_path / "workshop.yaml"
        spec.write_text(spec.read_text().replace("18431", str(port)))
        answer = run(command)
    assert answer.exit_code == 2
    assert f"port {port} on 127.0.0.1" in answer.output
    assert str(os.getpid()) in answer.output
    assert not state.exists()


def test_a_command_that_needs_a_running_hub_says_how_to_start_it(run: Run) -> None:
    for command in (["release"], ["grade"], ["grade", "queue"], ["report"], ["rehearse"]):
        answer = run(*command)
        assert answer.exit_code == 1
        assert "The workshop cli-test is not up\n  → workshop up" in answer.output


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path, run: Run) -> None:
    (tmp_path / "workshop.yaml").unlink()
    answer = run("check")
    assert answer.exit_code == 2
    assert "found no such file\n  → write one with `workshop init`" in answer.output


@pytest.mark.parametrize(
    "typed",
    [
        ("add", "Eve", "nw-eve"),
        ("add", "Eve", "eve@example.org", "--username", "Eve!"),
        ("add", "Eve", "--username", "root"),
        ("reissue", "nobody-here"),
    ],
)
def test_a_seat_for_somebody_who_can_not_have_one_is_exit_code_2(
    typed: tuple[str, ...], run: Run, state: Path
) -> None:
    answer = run("seat", *typed)
    assert answer.exit_code == 2
    assert not (state / "cli-test" / "seats.json").exists()


def test_status_of_a_workshop_that_never_was_is_an_answer(run: Run) -> None:
    answer = run("status", "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.output)["up"] is False


def test_down_of_a_workshop_that_never_was_has_nothing_to_do(run: Run, state: Path) -> None:
    answer = run("down", "--yes")
    assert answer.exit_code == 0
    assert answer.output.splitlines()[-1] == "Nothing to do: this workshop is down."


def test_a_report_as_pdf_needs_a_browser_and_says_so(run: Run) -> None:
    answer = run("report", "--help")
    assert "Chromium" in answer.output


def test_an_unforeseen_failure_leaves_its_details_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "spec").mkdir()
    # A state root that is a file: nobody foresaw that.
    (tmp_path / "root").write_text("")
    (tmp_path / "workshop.yaml").write_text(SPEC.format(course=COURSE))
    (tmp_path / "roster.csv").write_text(ROSTER)
    script = "import sys, cli; cli.Session.spec = property(lambda self: 1 / 0); cli.main()"
    done = subprocess.run(
        [os.sys.executable, "-c", script, "-f", str(tmp_path / "workshop.yaml"), "status"],
        capture_output=True,
        text=True,
        env={**os.environ, "WORKSHOP_STATE": str(tmp_path / "state")},
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    log = tmp_path / "state" / "crash.log"
    assert str(log) in done.stderr
    assert "ZeroDivisionError" in log.read_text()


@pytest.mark.parametrize("command", [["release"], ["grade"], ["report"]])
def test_a_class_without_a_hub_is_not_promised(
    tmp_path: Path, run: Run, command: list[str]
) -> None:
    edit(tmp_path, hosts="{provider: ec2, region: us-east-1, hub: {environments: []}}")
    answer = run(*command)
    assert answer.exit_code == 2
    assert "No host of cli-test is to have a hub" in answer.output


def test_commands_about_hosts_say_when_there_are_none(run: Run) -> None:
    answer = run("host", "list")
    assert answer.exit_code == 2
    assert "asks for no hosts" in answer.output


def test_check_counts_places_before_hosts_cost_money(tmp_path: Path, run: Run) -> None:
    edit(tmp_path, hosts="{provider: ec2, region: us-east-1, gpu: {count: 1}}")
    fine = run("check")
    assert fine.exit_code == 0
    assert "everybody finds a seat on 2 hosts" in fine.output
    with (tmp_path / "roster.csv").open("a") as roster:
        roster.write("Alan,alan@example.org,attendee\n")
    for command in ("check", "up"):
        refused = run(command)
        assert refused.exit_code == 2
        assert "2 seats want a GPU of their own each; the hosts have room for 1" in refused.output
