"""A real engine over the course's own kernel environment, and notebooks written in a few words."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pytest

from grader.sealed.engine import Engine
from grader.sealed.limits import Limits
from grader.sealed.submission import AuthorCell, CellOutcome, Outcome, Step, Submission

#: Small, so that a test of a limit takes a second and not a minute.
LIMITS = Limits(
    cell_seconds=3.0,
    cell_cpu_seconds=3.0,
    notebook_seconds=12.0,
    notebook_cpu_seconds=12.0,
    memory_megabytes=400,
    processes=32,
    file_megabytes=16,
    disk_megabytes=32,
    cell_output_bytes=20_000,
    notebook_output_bytes=60_000,
    grace_seconds=0.7,
)


#: Of this run alone, so that what it leaves behind can be told from what others run.
ACCOUNTS = 200_000 + os.getpid() % 10_000 * 100


@dataclass(frozen=True)
class Sheet:
    """A notebook as its author wrote it: cells before, one solution, tests."""

    solution: str
    tests: tuple[str, ...]
    plain: str = ""
    locked: str = ""

    @property
    def author_cells(self) -> tuple[AuthorCell, ...]:
        cells = [
            AuthorCell("plain", "plain", self.plain),
            AuthorCell("locked", "locked", self.locked),
            AuthorCell("answer", "solution", self.solution),
        ]
        cells += [AuthorCell(f"test{i}", "test", text) for i, text in enumerate(self.tests)]
        return tuple(cell for cell in cells if cell.source)

    def answered(
        self, answer: str, *, data_folder: Path | None = None, later: str = ""
    ) -> Submission:
        """The notebook with this text in its solution cell; `later` in a cell after the first
        test."""
        kinds = {"plain": "student", "locked": "locked", "solution": "student", "test": "test"}
        steps = [
            Step(cell.id, kinds[cell.kind], answer if cell.id == "answer" else cell.source)
            for cell in self.author_cells
        ]
        if later:
            place = next(i for i, step in enumerate(steps) if step.kind == "test") + 1
            steps.insert(place, Step("later", "student", later))
        return Submission(tuple(steps), self.author_cells, data_folder)


Grade = Callable[..., Outcome]


@pytest.fixture(scope="session")
def engine(nlp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("engine")
    with Engine(nlp_python, folder, limits=LIMITS, first_account=ACCOUNTS) as engine:
        yield engine


@pytest.fixture(scope="session")
def sheet_type() -> type[Sheet]:
    return Sheet


@pytest.fixture
def grade(engine: Engine) -> Grade:
    """Grade an answer to a sheet."""

    def run(sheet: Sheet, answer: str | None = None, **more: object) -> Outcome:
        text = sheet.solution if answer is None else answer
        return engine.grade(sheet.answered(text, **more))  # type: ignore[arg-type]

    return run


#: A text that stands in hidden tests only.
SECRET = "ORCHID-7731"
#: A text that stands in the gradebook only.
GRADES = "MARIGOLD-402"
TARGET = Sheet(
    plain="import numpy as np",
    solution="def f(x):\n    return x * 3 + 1",
    tests=(
        f"""assert f(2) == 7, "f(2) is 7"
### BEGIN HIDDEN TESTS
# {SECRET}
marker = "{SECRET}"
def hidden_helper(value):
    return value * 3 + 1
for n in (5, 11, 1234):
    assert f(n) == hidden_helper(n), "wrong for another number"
np.testing.assert_allclose(f(np.arange(4.0)), np.arange(4.0) * 3 + 1)
### END HIDDEN TESTS""",
        """result = f(10)
assert result == 31
assert isinstance(result, int) and len(str(result)) == 2
assert sorted([f(3), f(1)]) == [4, 10]
assert all(f(i) == 3 * i + 1 for i in range(5))""",
    ),
)


@dataclass(frozen=True)
class Bait:
    """Things outside the jail that an attack may try to reach."""

    folder: Path
    port: int
    process: int
    connected: list[object]

    def code(self) -> str:
        """Lines that tell the attacker where they are."""
        return f"BAIT, PORT, VICTIM = {str(self.folder)!r}, {self.port}, {self.process}\n"

    def look(self) -> dict[str, bytes]:
        """All that is there now."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in files}

    def victim_lives(self) -> bool:
        return Path(f"/proc/{self.process}").exists()


@pytest.fixture(scope="session")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bait]:
    """A gradebook that everybody may write, an open port, a process: all there to be attacked."""
    folder = Path(tempfile.mkdtemp(prefix="bait-"))
    folder.chmod(0o777)
    (folder / "gradebook.db").write_text(f"scores {GRADES} {SECRET}")
    (folder / "gradebook.db").chmod(0o666)
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o777)
    connected: list[object] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    done = threading.Event()

    def listen() -> None:
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                connected.append(server.accept())

    listener = threading.Thread(target=listen)
    listener.start()
    with subprocess.Popen(["sleep", "1000"]) as victim:
        yield Bait(folder, server.getsockname()[1], victim.pid, connected)
        victim.kill()
    done.set()
    listener.join()
    server.close()
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Findings:
    """What an attack got. Every number must be zero."""

    #: Gained, beyond what the answers deserve.
    points: int
    #: Text of hidden tests in what the attendee gets to see.
    hidden_text: int
    #: The gradebook or somebody else's file or process, read or changed.
    other_work: int
    #: Connections made.
    network: int
    #: Processes and files that are still there.
    left_behind: int
    #: Whether the next honest submission lost by it.
    batch_stopped: int


#: Test to what its attacks got, for the table of `make attacks`.
FINDINGS = pytest.StashKey[dict[str, list[Findings]]]()


def judged(engine: Engine, sheet: Submission, tries: int = 3) -> Outcome:
    """The outcome; asked again, as an assistant would, when the machine had no time for it."""
    outcome = engine.grade(sheet)
    if tries > 1 and any("too busy" in str(cell.reason) for cell in outcome.cells):
        return judged(engine, sheet, tries - 1)
    return outcome


@pytest.fixture
def attack(engine: Engine, bait: Bait, request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """Grade an attack; whatever it is, nothing outside has changed and the engine goes on.

    `earned` are the points that its answers deserve.
    """
    table = request.config.stash.setdefault(FINDINGS, {})

    def run(code: str, *, sheet: Sheet = TARGET, earned: int = 0, **more: str) -> Outcome:
        zygotes = {warmth: engine.zygote(warmth).pid for warmth in ("light", "full")}
        before, files = bait.look(), files_left()
        connected = len(bait.connected)
        outcome = judged(engine, sheet.answered(bait.code() + code, **more))
        shown = repr([(cell.reason, cell.outputs) for cell in outcome.cells])
        untouched = bait.look() == before and bait.victim_lives()
        left = len(processes_left()) + len(files_left() - files)
        goes_on = points(engine.grade(TARGET.answered(TARGET.solution))) == len(TARGET.tests)
        found = Findings(
            points=max(points(outcome) - earned, 0),
            hidden_text=shown.count(SECRET),
            other_work=shown.count(GRADES) + (not untouched),
            network=len(bait.connected) - connected,
            left_behind=left,
            batch_stopped=int(
                not goes_on or any(engine.zygote(each).pid != zygotes[each] for each in zygotes)
            ),
        )
        table.setdefault(request.node.nodeid, []).append(found)
        assert found == Findings(0, 0, 0, 0, 0, 0)
        return outcome

    return run


def files_left() -> set[str]:
    """Files of this run's jails in folders that everybody may write to."""
    return {
        entry.path
        for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
        if Path(folder).is_dir()
        for entry in os.scandir(folder)
        if ACCOUNTS <= owner_of(entry) < ACCOUNTS + 100
    }


def owner_of(entry: os.DirEntry[str]) -> int:
    """Its account's number; root's for a file that another program has removed meanwhile."""
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except FileNotFoundError:
        return 0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "attack: a submission that tries to cheat or to do harm")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """`pytest -m attack` ends with the table."""
    table = config.stash.get(FINDINGS, {})
    if config.option.markexpr != "attack" or not table:
        return
    names = [field.name.replace("_", " ") for field in fields(Findings)]
    say = terminalreporter.write_line
    say(f"{'attack':<66} " + " | ".join(names))
    for test, attempts in table.items():
        sums = [sum(column) for column in zip(*map(astuple, attempts), strict=True)]
        where, _, name = test.rpartition("/")[2].partition("::")
        title = f"{where.removeprefix('test_').removesuffix('.py')}: {_title(name)}"
        say(
            f"{title[:66]:<66} "
            + " | ".join(f"{n:>{len(w)}}" for n, w in zip(sums, names, strict=True))
        )
    total = [sum(each) for attempts in table.values() for each in map(astuple, attempts)]
    groups = Counter(test.rpartition("/")[2].partition("::")[0] for test in table)
    say(f"{len(table)} attacks, {len(total)} attempts, {sum(total)} gains")
    say(", ".join(f"{group}: {count}" for group, count in groups.items()))


def _title(test: str) -> str:
    """The attack's own name, where the test has many."""
    name, _, chosen = test.partition("[")
    return chosen.removesuffix("]") or name.removeprefix("test_").replace("_", " ")


def processes_left() -> list[str]:
    """Processes that run under an account of this run's jails."""
    left = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            user = int(text.split("Uid:")[1].split()[0])
            if ACCOUNTS <= user < ACCOUNTS + 100:
                left.append(text.splitlines()[0])
    return left


def tests_of(outcome: Outcome) -> list[CellOutcome]:
    return [cell for cell in outcome.cells if cell.kind == "test"]


def points(outcome: Outcome) -> int:
    """One point per passed test."""
    return sum(cell.judgement == "passed" for cell in tests_of(outcome))
