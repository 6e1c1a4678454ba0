"""A class whose hub and gradebook are on a real PostgreSQL server: by one line of workshop.yaml.

One journey, because a workshop takes its time to come up: log in, run a cell, hand in, be graded
as it comes in, read the feedback; a hub that is killed; and down.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_config.rehearsal.robot import Robot
from hub_config.supervisor import marked_processes
from hub_config.up import hub_api, supervisor_of
from tests.e2e.conftest import MakeWorkshop
from tests.e2e.handing_in import RIGHT
from tests.e2e.running import RunningWorkshop
from tests.postgresql import Server, postgresql

pytestmark = pytest.mark.timeout(400)

PASSWORD = "n0body:may%read"
LAB = "sums"
NOTEBOOK = f"{LAB}/{LAB}.ipynb"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@pytest.fixture(scope="module")
def database(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An address without the password, which lies where PostgreSQL's own programs look."""
    address = server.make_database("class", "teacher", PASSWORD)
    passfile = tmp_path_factory.mktemp("home") / "pgpass"
    escaped = PASSWORD.replace(":", "\\:")
    passfile.write_text(f"127.0.0.1:{server.port}:class:teacher:{escaped}\n")
    passfile.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PGPASSWORD", raising=False)
        patch.setenv("PGPASSFILE", str(passfile))
        yield address


@pytest.fixture(scope="module")
def workshop(make_workshop: MakeWorkshop, database: str) -> RunningWorkshop:
    """Written, not up yet."""
    workshop = make_workshop("pg-day", ["pg-ada"], instructor="pg-grace", on_submit=True)
    text = workshop.spec.read_text()
    assert "hub: {" in text
    workshop.spec.write_text(text.replace("hub: {", f"hub: {{database: '{database}', "))
    return workshop


async def test_a_class_from_check_to_down(workshop: RunningWorkshop, server: Server) -> None:
    said = workshop.cli("check", "--json").stdout
    assert f"PostgreSQL 15 answers at postgresql://teacher@127.0.0.1:{server.port}/class" in said
    assert "`up` makes hub_pg_day and gradebook_pg_day" in said
    workshop.up("--no-start-seats")
    workshop.cli("release")
    async with workshop.robot("pg-ada") as ada:
        assert (await ada.run_cell("nlp-cpu", "print(20 + 22)")).strip() == "42"
        await hand_in(ada)
        await ada.wait_for_feedback()
        assert await ada.fetch_feedback("nlp", LAB)
        kill_the_hub(workshop)
        assert (await ada.run_cell("nlp-cpu", "print(6 * 7)")).strip() == "42", "seats go on"
        wait_until(lambda: seat_is_known(workshop, "pg-ada"))
        assert await formgraders_table(workshop) == [("pg-ada", 3.0)]
        everything_is_on_the_server(workshop, server)
        assert places_of_the_password(workshop) == {"hub/pgpass", "course/.pgpass"}
        server.stop()
        assert (await ada.run_cell("nlp-cpu", "print(7 * 8)")).strip() == "56", "seats go on"
    assert not workshop.status()["up"]
    said = workshop.cli("down", "--yes").stdout
    assert f"stay in postgresql://teacher@127.0.0.1:{server.port}/class" in said
    assert marked_processes(workshop.paths.home) == ()


async def hand_in(robot: Robot) -> None:
    """Through the seat, as the buttons of JupyterLab do."""
    await robot.fetch("nlp", LAB)
    notebook = await robot.read_notebook(NOTEBOOK)
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = RIGHT.get(name, cell["source"])
    await robot.write_notebook(NOTEBOOK, notebook)
    await robot.submit("nlp", LAB)


async def formgraders_table(workshop: RunningWorkshop) -> list[tuple[str, float]]:
    """What staff see of the lab: nbgrader's longest queries."""
    grace = Robot(workshop.address, workshop.codes["pg-grace"])
    try:
        await grace.log_in()
        answer = await grace.get(f"/services/formgrader/formgrader/api/submissions/{LAB}")
        return sorted((row["student"], row["score"]) for row in answer.json())
    finally:
        await grace.close()


def everything_is_on_the_server(workshop: RunningWorkshop, server: Server) -> None:
    for table in ("hub_pg_day.users", "hub_pg_day.alembic_version", "gradebook_pg_day.grade"):
        assert rows(server, table) > 0, table
    assert not (workshop.paths.hub / "jupyterhub.sqlite").exists()
    assert not (workshop.paths.course / "gradebook.db").exists()
    assert list((workshop.paths.course / "backups").glob("gradebook-*.db"))


def places_of_the_password(workshop: RunningWorkshop) -> set[str]:
    """Files of the workshop that hold it; no process was told it either."""
    secret = PASSWORD.encode()
    for process in marked_processes(workshop.paths.home):
        told = Path(f"/proc/{process.pid}")
        for name in ("cmdline", "environ"):
            assert secret not in (told / name).read_bytes(), (process.pid, name)
    files = [path for path in workshop.paths.home.rglob("*") if path.is_file()]
    known = [path for path in files if secret.replace(b":", b"\\:") in path.read_bytes()]
    assert not [path for path in files if secret in path.read_bytes()]
    assert {path.stat().st_mode & 0o777 for path in known} == {0o600}
    return {str(path.relative_to(workshop.paths.home)) for path in known}


def kill_the_hub(workshop: RunningWorkshop) -> None:
    state = next(
        each
        for each in supervisor_of(workshop.paths, workshop.settings).states()
        if each.name == "hub"
    )
    os.kill(int(state.detail.split()[1].rstrip(",")), signal.SIGKILL)


def seat_is_known(workshop: RunningWorkshop, username: str) -> bool:
    """To the hub that came after, from what the database says."""
    hub = hub_api(workshop.settings, workshop.secrets)
    return hub.healthy() and any(
        each.username == username and each.running for each in hub.servers()
    )


def rows(server: Server, table: str) -> int:
    return int(str(server.sql(f"select count(*) from {table}", "class")[0][0]))


def wait_until(happened: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.5)
