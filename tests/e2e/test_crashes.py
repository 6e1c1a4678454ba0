"""`kill -9` of every part of a running workshop: the same command again converges.

One workshop goes through all of it, from its first `up`, which is killed, to its `down`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
from pathlib import Path

import pytest

from hub_config.hub_api import is_open
from hub_config.up import front_door, hub_api
from provisioning.accounts import accounts_of
from tests.e2e.conftest import MakeWorkshop
from tests.e2e.gradebook_facts import scores_in_the_database
from tests.e2e.kernel_line import kernel_line, start_kernel
from tests.e2e.killing import kill, kill_at, processes, seat_processes, wait_for
from tests.e2e.running import RunningWorkshop
from tests.thorough import part_of

ADA, BOB = "cr-ada", "cr-bob"
PROGRAMS = ("supervisord", "proxy", "exchange", "hub")
UPLOAD = Path(__file__).with_name("slow_upload.txt")
SOLUTIONS = {"add": "x + y", "double": "2 * x", "total": "sum(numbers)"}


@pytest.fixture(scope="module")
def workshop(make_workshop: MakeWorkshop) -> RunningWorkshop:
    """Its first `up` is killed at each of its stages, then let through."""
    workshop = make_workshop("crashes", [ADA, BOB], instructor="cr-grace")
    command = workshop.command("up", "--no-start-seats")
    workshop.learn_codes(kill_at(command, "Cards to print"))
    for stage in ("homes", "course         0/1", "hub            0/1"):
        kill_at(command, stage)
    workshop.up("--no-start-seats")
    return workshop


@pytest.fixture(scope="module")
def released(workshop: RunningWorkshop) -> RunningWorkshop:
    """Its first `release` is killed between proving the lab and handing it out."""
    for stage in ("prove", "generate", "release        2/3"):
        kill_at(workshop.command("release"), stage)
    assert "sums: released" in workshop.cli("release").stdout
    return workshop


@pytest.fixture(scope="module")
def submitted(released: RunningWorkshop) -> RunningWorkshop:
    """Ada answers everything, Bob nothing."""

    async def work(username: str, answers: dict[str, str]) -> None:
        async with released.robot(username) as robot:
            await robot.fetch("nlp", "sums")
            notebook = await robot.read_notebook("sums/sums.ipynb")
            for cell in notebook["cells"]:
                name = cell["metadata"].get("nbgrader", {}).get("grade_id")
                if name in answers:
                    signature = cell["source"].splitlines()[0]
                    cell["source"] = f"{signature}\n    return {answers[name]}"
            await robot.write_notebook("sums/sums.ipynb", notebook)
            await robot.submit("nlp", "sums")

    async def everybody() -> None:
        await asyncio.gather(work(ADA, SOLUTIONS), work(BOB, {}))

    asyncio.run(everybody())
    return released


def test_an_up_that_was_killed_at_each_stage_is_completed_by_the_next(
    workshop: RunningWorkshop,
) -> None:
    assert set(workshop.codes) == {ADA, BOB, "cr-grace"}
    assert all(len(processes(workshop.paths.home, each)) == 1 for each in PROGRAMS)
    assert len(accounts_of("crashes")) == 5  # three people, the services, the grader
    assert workshop.status()["up"]


async def test_a_seat_lives_through_a_killed_hub_and_the_next_hub_adopts_it(
    workshop: RunningWorkshop,
) -> None:
    home = workshop.paths.home
    async with workshop.robot(ADA) as robot:
        kernel = await start_kernel(robot)
        async with kernel_line(robot, kernel) as line:
            await line.ask("x = 41")
            before = seat_processes(home, ADA)
            kill(home, "hub")
            # Nobody who is working notices: the same websocket goes on.
            assert await line.ask("print(x + 1)") == "42\n"
            await _until_healthy(workshop)
            assert await line.ask("print(x + 2)") == "43\n"
        async with kernel_line(robot, kernel) as line:
            assert await line.ask("print(x + 3)") == "44\n"
        assert seat_processes(home, ADA) == before
        assert _running(workshop) == {ADA}
        assert all(len(processes(home, each)) == 1 for each in PROGRAMS)


async def test_up_again_does_not_stumble_over_a_hub_that_is_just_restarting(
    workshop: RunningWorkshop,
) -> None:
    kill(workshop.paths.home, "hub")
    await asyncio.to_thread(workshop.up, "--no-start-seats")
    assert len(processes(workshop.paths.home, "hub")) == 1


async def test_programs_end_with_supervisord_seats_live_and_up_starts_the_programs_again(
    workshop: RunningWorkshop,
) -> None:
    home = workshop.paths.home
    async with workshop.robot(ADA) as robot:
        kernel = await start_kernel(robot)
        async with kernel_line(robot, kernel) as line:
            await line.ask("y = 1")
        before = seat_processes(home, ADA)
        kill(home, "hub")
        kill(home, "supervisord")
        wait_for(lambda: not any(processes(home, each) for each in PROGRAMS), "programs end", 10)
        assert seat_processes(home, ADA) == before
        await asyncio.to_thread(workshop.up, "--no-start-seats")
        assert seat_processes(home, ADA) == before
        async with kernel_line(robot, kernel) as line:
            assert await line.ask("print(y + 1)") == "2\n"
        assert _running(workshop) == {ADA}
        assert all(len(processes(home, each)) == 1 for each in PROGRAMS)


async def test_a_killed_proxy_comes_back_with_every_route(workshop: RunningWorkshop) -> None:
    async with workshop.robot(ADA) as robot:
        kernel = await start_kernel(robot)
        async with kernel_line(robot, kernel) as line:
            await line.ask("z = 7")
        kill(workshop.paths.home, "proxy")
        await _until_reachable(workshop)
        async with kernel_line(robot, kernel) as line:
            assert await line.ask("print(z)") == "7\n"


def test_a_killed_release_is_completed_by_the_next_and_by_no_second_one(
    released: RunningWorkshop,
) -> None:
    assert len(list((released.paths.exchange / "releases" / "sums").glob("*.json"))) == 1
    assert "sums: unchanged (3 checks, 6 points)" in released.cli("release").stdout


async def test_an_upload_cut_by_a_killed_service_becomes_exactly_one_submission(
    submitted: RunningWorkshop,
) -> None:
    store, home = submitted.paths.exchange, submitted.paths.home
    before = _snapshots(submitted, BOB)
    async with submitted.robot(BOB) as robot:
        kernel = await start_kernel(robot)
        async with kernel_line(robot, kernel) as line:
            upload = asyncio.create_task(line.ask(_in_hub_python(submitted, UPLOAD.read_text())))
            await asyncio.to_thread(
                wait_for,
                lambda: any(file.stat().st_size > 1_000_000 for file in _uploads(store)),
                "half of the upload is there",
            )
            kill(home, "exchange")
            assert _snapshots(submitted, BOB) == before
            said = await upload
    new = _snapshots(submitted, BOB) - before
    assert len(new) == 1, said
    assert said.split() == [new.pop(), "True"]
    assert _uploads(store) == []
    assert _every_snapshot_is_whole(store)


@pytest.mark.parametrize(
    ("victim", "stage"),
    [
        pytest.param("the command", "collect", marks=pytest.mark.thorough),
        pytest.param("the grader", "canary", marks=pytest.mark.thorough),
        ("the command", "grade          0/2"),
        pytest.param("the grader", "grade          0/2", marks=pytest.mark.thorough),
    ],
)
def test_a_grade_that_was_killed_at_any_stage_is_completed_by_the_next(
    submitted: RunningWorkshop, victim: str, stage: str
) -> None:
    if victim == "the command":
        kill_at(submitted.command("grade", "--force"), stage)
        wait_for(lambda: not processes(submitted.paths.home, "grader"), "the grader ends", 20)
    else:
        _kill_the_grader_at(submitted, stage)
    result = json.loads(_from_brace(submitted.cli("grade", "--json").stdout))
    assert result["judged"] + result["unchanged"] == 2
    assert result["queue"] == []
    assert result["troubles"] == []
    assert scores_in_the_database(submitted) == {
        (ADA, "sums"): {"check-add": (1, 1), "check-double": (2, 2), "check-total": (3, 3)},
        (BOB, "sums"): {"check-add": (0, 1), "check-double": (0, 2), "check-total": (0, 3)},
    }
    assert _every_snapshot_is_whole(submitted.paths.exchange)
    assert not any(submitted.paths.course.glob("interrupted/*/*"))


def test_grading_again_after_all_this_has_nothing_left_to_do(submitted: RunningWorkshop) -> None:
    assert "Graded 0, unchanged 2, feedback sent 0." in submitted.cli("grade").stdout


def test_a_down_that_was_killed_at_each_stage_loses_nobodys_work(
    submitted: RunningWorkshop,
) -> None:
    paths = submitted.paths
    work = {each: _digests(paths.homes / each) for each in (ADA, BOB)}
    command = submitted.command("down", "--yes")
    stages = "seats", "processes      0/1", "archive        0/1", "archive        1/1", "accounts"
    for stage in part_of(stages, 3):
        kill_at(command, stage)
    submitted.down()
    assert accounts_of("crashes") == ()
    assert not any(processes(paths.home, each) for each in PROGRAMS)
    assert "Nothing to do" in submitted.cli("down", "--yes").stdout
    submitted.up("--no-start-seats")
    assert {each: _digests(paths.homes / each) for each in (ADA, BOB)} == work
    assert scores_in_the_database(submitted)[ADA, "sums"]["check-add"] == (1, 1)


# --- what the tests look at -------------------------------------------------------------


async def _until_healthy(workshop: RunningWorkshop) -> None:
    hub = hub_api(workshop.settings, workshop.secrets)
    await asyncio.to_thread(wait_for, hub.healthy, "the hub answers")


async def _until_reachable(workshop: RunningWorkshop) -> None:
    door = front_door(workshop.settings)
    await asyncio.to_thread(wait_for, lambda: is_open(door), "the proxy is back")


def _running(workshop: RunningWorkshop) -> set[str]:
    servers = hub_api(workshop.settings, workshop.secrets).servers()
    return {server.username for server in servers if server.running}


def _in_hub_python(workshop: RunningWorkshop, code: str) -> str:
    """A cell that runs code with the hub's packages, as a terminal of the seat could."""
    run = [str(workshop.settings.hub_python), "-c", code]
    return (
        f"import subprocess\ndone = subprocess.run({run!r}, capture_output=True, text=True)\n"
        "print(done.stdout, done.stderr[-2000:])"
    )


def _uploads(store: Path) -> list[Path]:
    return list((store / "uploads").iterdir())


def _snapshots(workshop: RunningWorkshop, username: str) -> set[str]:
    folder = workshop.paths.exchange / "submissions" / "sums" / username
    return {record.stem for record in folder.glob("*.json")}


def _every_snapshot_is_whole(store: Path) -> bool:
    """Each record has its bytes, each file of bytes its record, and the name says the sum."""
    records = {path.stem for path in store.glob("submissions/*/*/*.json")}
    archives = {path.stem: path for path in store.glob("submissions/*/*/*.zip")}
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in archives.items()}
    return records == set(archives) and all(name.endswith(sums[name]) for name in archives)


def _kill_the_grader_at(workshop: RunningWorkshop, stage: str) -> None:
    command = workshop.command("grade", "--force")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if stage in line:
                kill(workshop.paths.home, "grader")
                break
        rest = process.stdout.read()
    assert process.returncode == 1, rest
    assert process.returncode != -signal.SIGKILL


def _digests(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not {".cache", ".ipython"} & set(path.parts)
    }


def _from_brace(text: str) -> str:
    return text[text.index("{\n") :]
