"""Commands that are carried to the hub host; what of them is decided here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from hub_config.hub_host import carried
from hub_config.hub_host.carried import CarriedCommand, CarriedGroup
from hub_config.hub_host.hub_host import Screen, command_line

Sent = list[tuple[str, ...]]


class Elsewhere:
    hub_order = object()


class Here:
    hub_order = None


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What would go to the hub host: the connection is another test's matter."""
    found: Sent = []
    monkeypatch.setattr(carried, "carry", lambda order, words: found.append(words))
    return found


@click.command(cls=CarriedCommand)
@click.argument("labs", nargs=-1)
@click.option("--only", type=int)
def release(labs: tuple[str, ...], only: int | None) -> None:
    """Hand out labs."""
    click.echo(f"here {labs} {only}")


@click.group(cls=CarriedGroup)
def seat() -> None:
    """About seats."""


@seat.command()
@click.argument("name")
def add(name: str) -> None:
    """One more seat."""
    click.echo(f"here {name}")


def call(session: Any, command: click.Command, *words: str) -> Any:
    return CliRunner().invoke(command, list(words), obj=session)


def test_the_same_words_are_carried(sent: Sent) -> None:
    assert call(Elsewhere(), release, "--only", "3", "sums", "more sums").exit_code == 0
    assert call(Elsewhere(), seat, "add", "Mary Shelley", "--role=assistant").exit_code == 0
    assert sent == [
        ("release", "--only", "3", "sums", "more sums"),
        ("seat", "add", "Mary Shelley", "--role=assistant"),
    ]


def test_a_hub_on_this_machine_needs_no_carrier(sent: Sent) -> None:
    assert call(Here(), release, "sums").output == "here ('sums',) None\n"
    assert call(Here(), seat, "add", "Mary").output == "here Mary\n"
    assert not sent


def test_a_word_that_is_wrong_is_refused_before_anything_is_sent(sent: Sent) -> None:
    assert call(Elsewhere(), release, "--only", "three").exit_code == 2
    assert not sent


def test_help_is_given_here(sent: Sent) -> None:
    assert "Hand out labs." in call(Elsewhere(), release, "--help").output
    assert "One more seat." in call(Elsewhere(), seat, "add", "--help").output
    assert not sent


def test_words_reach_the_hub_hosts_shell_as_they_are() -> None:
    line = command_line(("seat", "add", "O'Brien; reboot $(id)"), {"COLUMNS": "80"})
    printed = line.replace("env -i", "printf '%s\\n'", 1)
    said = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "O'Brien; reboot $(id)"


LIFELINE = """
import subprocess, sys
from hub_config.hub_host.lifeline import end_with
end_with(0)
try:
    print("begun", flush=True)
    subprocess.run(["sleep", "60"])
except KeyboardInterrupt:
    print("tidied up", flush=True)
"""


def test_a_carried_command_ends_when_its_carrier_is_gone() -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", LIFELINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        start_new_session=True,
    )
    assert command.stdin
    assert command.stdout
    try:
        assert command.stdout.readline() == "begun\n"
        time.sleep(0.3)
        assert command.poll() is None
        command.stdin.close()
        assert command.stdout.readline() == "tidied up\n"
        assert command.wait(10) == 0
    finally:
        os.killpg(command.pid, signal.SIGKILL) if command.poll() is None else None
        command.stdout.close()


def test_a_character_that_comes_in_two_pieces_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    out = carried.this_screen().out
    for piece in ("│".encode()[:1], "│".encode()[1:], b" Ada"):
        out(piece)
    assert capsys.readouterr().out == "│ Ada"


def test_a_time_of_the_day_is_that_of_the_instructors_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        screen = carried.on_our_clock(Screen(environment={"COLUMNS": "80"}))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert screen.environment == {"COLUMNS": "80", "TZ": "<+0530>-05:30"}
