"""`workshop demo` twice as root, and `make demo` as an ordinary person with a fresh checkout.

What came of it is read back from nbgrader's database and by plain nbgrader, not from the
demo's own words.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_config.install import free_ports
from hub_config.supervisor import marked_processes
from provisioning.accounts import accounts_of
from provisioning.paths import StatePaths, default_state_root
from tests.e2e.gradebook_facts import hub_python, scores_in_the_database
from tests.e2e.ordinary_user import CHECKOUT, OrdinaryUser
from tests.e2e.running import WORKSHOP, RunningWorkshop

LABS = ("tokenisation", "embeddings")
#: Which exercises each robot solves, counted from 0.
SOLVES = {
    "demo-ada": lambda number: True,  # all right
    "demo-blaise": lambda number: number % 2 == 0,  # partly right
    "demo-carl": lambda number: False,  # blank
    "demo-dorothy": lambda number: number == 0,  # raises after the first
    "demo-mallory": lambda number: False,  # hostile
}
#: Generous: continuous integration may be busy. The seconds that it took are printed.
SECONDS = 1500


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.thorough
@pytest.mark.parametrize("time_", ["first", "second"])
def test_the_demo_works_as_root_and_works_again(state_root: Path, time_: str) -> None:
    port = free_ports(1)[0]
    command = [str(WORKSHOP), "--state", str(state_root), "demo", "--port", str(port)]
    said = _run(command, f"demo as root, {time_} time", default_state_root({}, 0))
    assert "REACHED" not in said
    demo = _demo(state_root)
    _check_grades(demo)
    assert accounts_of("demo") == ()
    assert marked_processes(demo.paths.home) == ()


@pytest.fixture
def fresh_checkout(ordinary_user: OrdinaryUser) -> Iterator[Path]:
    """What git knows or would take up, in a home that holds nothing else."""
    home = ordinary_user.home / "newcomer"
    shutil.rmtree(home, ignore_errors=True)
    listing = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (CHECKOUT / name).is_file():
            (home / "workshop" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, home / "workshop" / name)
    owner = f"{ordinary_user.uid}:{ordinary_user.gid}"
    subprocess.run(["chown", "--recursive", owner, str(home)], check=True)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.timeout(SECONDS + 60)
def test_make_demo_works_for_an_ordinary_person(
    ordinary_user: OrdinaryUser, fresh_checkout: Path
) -> None:
    command = ordinary_user.command(
        *("env", f"--chdir={fresh_checkout / 'workshop'}", f"HOME={fresh_checkout}"),
        # Packages that this machine has are not fetched again; everything else is new.
        *(f"UV_CACHE_DIR={ordinary_user.home}/.cache/uv", "PATH=/usr/local/bin:/usr/bin:/bin"),
        *("make", "demo"),
    )
    state_root = fresh_checkout / ".local/state/workshop"
    _run(command, "make demo as an ordinary person", state_root)
    demo = _demo(state_root)
    _check_grades(demo)
    assert marked_processes(demo.paths.home) == ()


def _run(command: list[str], what: str, state_root: Path) -> str:
    crash = state_root / "crash.log"
    crash.unlink(missing_ok=True)
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    print(f"{what}: {time.monotonic() - begun:.0f} s")
    why = crash.read_text() if crash.exists() else ""
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}\n{why}"
    return done.stdout


def _demo(state_root: Path) -> RunningWorkshop:
    spec = state_root / "demo-files" / "workshop.yaml"
    return RunningWorkshop(spec, StatePaths(state_root, "demo"))


def _check_grades(demo: RunningWorkshop) -> None:
    expected = {
        (attendee, lab): _scores(demo.paths.course, lab, attendee)
        for attendee in SOLVES
        for lab in LABS
    }
    found = scores_in_the_database(demo)
    assert found == expected
    exported = demo.paths.home / "exported.csv"
    hub_python(demo, "-m", "nbgrader", "export", f"--to={exported}")
    for table in (exported, demo.paths.reports / "nbgrader-export.csv"):
        assert _totals(table) == {
            who: (sum(score for score, _ in each.values()), sum(most for _, most in each.values()))
            for who, each in found.items()
        }
    assert (demo.paths.reports / "report.html").stat().st_size > 10_000


def _scores(course: Path, lab: str, attendee: str) -> dict[str, tuple[float, float]]:
    """{check: (score, points)} as it must be: a check belongs to the gap before it."""
    source = json.loads((course / "source" / lab / f"{lab}.ipynb").read_text())
    scores: dict[str, tuple[float, float]] = {}
    exercise = -1
    for cell in source["cells"]:
        facts: dict[str, Any] = cell["metadata"].get("nbgrader", {})
        if facts.get("grade"):
            points = float(facts["points"])
            scores[facts["grade_id"]] = (points if SOLVES[attendee](exercise) else 0.0, points)
        elif facts.get("solution") and cell["cell_type"] == "code":
            exercise += 1
    assert len(scores) >= 3, f"{lab} has too few checks to tell the robots apart"
    return scores


def _totals(table: Path) -> dict[tuple[str, str], tuple[float, float]]:
    with table.open(newline="") as file:
        return {
            (row["student_id"], row["assignment"]): (float(row["score"]), float(row["max_score"]))
            for row in csv.DictReader(file)
        }
