"""`down`: the attendees' work is in the archive, and nothing is left outside the state folder."""

from __future__ import annotations

import asyncio
import pwd
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioning.accounts import account_name
from tests.e2e.conftest import MakeWorkshop
from tests.e2e.kernel_line import kernel_line, start_kernel
from tests.e2e.leftovers import PrivateMachine, PrivateWorkshop, Traces, private_machine

ADA, EVE, GRACE = "dn-ada", "dn-eve", "dn-grace"
EVERYBODY = (ADA, EVE, GRACE)
MESS = Path(__file__).with_name("messy_seat.txt")
#: Has the number that an account had, so that the next `up` gives it another.
STRANGER = "dn-stranger"


@pytest.fixture(scope="module")
def machine(state_root: Path) -> Iterator[PrivateMachine]:
    with private_machine(state_root) as machine:
        yield machine


@dataclass(frozen=True)
class Ended:
    """A workshop that is down, and what was seen of it before."""

    workshop: PrivateWorkshop
    before: set[str]
    traces: Traces
    uid_of_eve: int
    said: str

    @property
    def archive(self) -> Path:
        (folder,) = self.workshop.paths.archive.iterdir()
        return folder


@pytest.fixture(scope="module")
def ended(make_workshop: MakeWorkshop, machine: PrivateMachine) -> Ended:
    made = make_workshop("ended", [ADA, EVE], instructor=GRACE)
    workshop = PrivateWorkshop(made.spec, made.paths, machine=machine)
    before = machine.listing()
    workshop.up("--no-start-seats")
    asyncio.run(_make_a_mess(workshop))
    traces = Traces.of(workshop)
    assert set(traces.left(EVERYBODY)) == {"processes", "listening", "accounts", "cgroups"}
    uid = _uid_of(EVE)
    return Ended(workshop, before, traces, uid, workshop.cli("down", "--yes").stdout)


async def _make_a_mess(workshop: PrivateWorkshop) -> None:
    async with (
        workshop.robot(EVE) as robot,
        kernel_line(robot, await start_kernel(robot)) as line,
    ):
        assert (await line.ask(MESS.read_text())).endswith("done\n")


def test_nothing_of_it_is_left_on_the_machine(ended: Ended) -> None:
    assert ended.traces.left(EVERYBODY) == {}


def test_no_file_is_left_outside_the_state_folder(ended: Ended, machine: PrivateMachine) -> None:
    assert machine.listing() - ended.before == set()


def test_what_stays_in_the_state_folder_belongs_to_who_ran_down(ended: Ended) -> None:
    home = ended.workshop.paths.home
    assert {path.lstat().st_uid for path in (home, *home.rglob("*"))} == {0}
    assert home.stat().st_mode & 0o077 == 0o011  # to be passed through, not listed
    assert list(ended.workshop.paths.homes.iterdir()) == []


def test_a_second_down_has_nothing_to_do(ended: Ended) -> None:
    said = ended.workshop.cli("down", "--yes").stdout
    assert said.endswith("Nothing to do: this workshop is down.\n")
    assert str(ended.archive) in ended.said
    assert {path.name for path in ended.archive.iterdir()} == {f"{one}.tar.gz" for one in EVERYBODY}
    assert {path.stat().st_mode & 0o777 for path in ended.archive.iterdir()} == {0o600}


def test_the_archive_holds_the_work_as_it_was(ended: Ended) -> None:
    with tarfile.open(ended.archive / f"{EVE}.tar.gz") as tar:
        members = {member.name: member for member in tar}
        work = f"{EVE}/work"

        def text(name: str) -> str:
            content = tar.extractfile(members[f"{work}/{name}"])
            assert content is not None
            return content.read().decode()

        assert text("answer.txt") == text("same-answer.txt") == "42"
        assert text("closed.txt") == "nobody reads me"
        assert text("shut/inside.txt") == "behind a closed door"
        assert text("two\nlines") == "a name of two lines"
        assert text("not-\udcff-unicode") == "a name that is no text"
        assert all(text(f"many/{number}") == str(number) for number in range(0, 10_000, 97))
        assert sum(name.startswith(f"{work}/many/") for name in members) == 10_000
        assert sum(name.endswith("/deep") for name in members) == 1200
        assert members[f"{work}/shadow"].linkname == "/etc/shadow"
        assert members[f"{work}/shadow"].issym()
        assert members[f"{work}/loop"].issym()
        assert members[f"{work}/pipe"].isfifo()
        assert members[f"{work}/huge"].size == 2**40
        assert not any("/.cache/" in name for name in members)


def test_the_next_up_gives_everybody_their_work_back(ended: Ended) -> None:
    with _held_by_somebody_else(ended.uid_of_eve):
        ended.workshop.up("--no-start-seats")
    work = ended.workshop.paths.homes / EVE / "work"
    assert (work / "answer.txt").read_text() == "42"
    assert (work / "answer.txt").samefile(work / "same-answer.txt")
    assert (work / "shut" / "inside.txt").read_text() == "behind a closed door"
    assert (work / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (work / "shadow").readlink() == Path("/etc/shadow")
    assert (work / "huge").stat().st_blocks == 0
    assert len(list((work / "many").iterdir())) == 10_000
    uid = _uid_of(EVE)
    assert uid != ended.uid_of_eve, "the account must have another number for this test"
    assert _owners(work.parent) == {uid}
    assert work.parent.stat().st_mode & 0o777 == 0o700


@contextmanager
def _held_by_somebody_else(uid: int) -> Iterator[None]:
    subprocess.run(["userdel", STRANGER], check=False, stderr=subprocess.DEVNULL)
    if any(each.pw_uid == uid for each in pwd.getpwall()):
        yield
        return
    subprocess.run(["useradd", "--no-create-home", "--uid", str(uid), STRANGER], check=True)
    try:
        yield
    finally:
        subprocess.run(["userdel", STRANGER], check=True)


def _uid_of(username: str) -> int:
    done = subprocess.run(
        ["id", "-u", account_name(username)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def _owners(folder: Path) -> set[int]:
    """Every owner below a folder; `find` gets to the bottom of it, Python does not."""
    done = subprocess.run(["find", folder, "-printf", r"%U\n"], capture_output=True, check=True)
    return {int(line) for line in done.stdout.split()}
