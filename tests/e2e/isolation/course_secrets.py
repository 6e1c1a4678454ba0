"""Nothing of the course that is not released, and no secret of the hub, is in a seat's reach."""

from __future__ import annotations

import ast
import json
import zipfile
from typing import Any

import httpx
import psutil
import pytest

from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import (
    ADA,
    HIDDEN,
    KERNEL,
    LAB,
    Classroom,
    attack,
    cookies_of,
    reached,
    token_of,
)


async def test_no_private_file_of_the_workshop_has_a_path(classroom: Classroom, eve: Robot) -> None:
    private = [
        *("course/gradebook.db", "course/source/sums/sums.ipynb", "coursework/sums/lab.py"),
        *("exchange", f"exchange/submissions/sums/{ADA}", "exchange.json", "grader.json"),
        *("hub/jupyterhub.sqlite", "hub/secrets.json", "hub/supervisord.conf", "hub/settings.json"),
        *("seats.json", "workshop.json", "logs/hub.log", "run/supervisor.sock", "reports"),
        *("wall", "wall-facts", "wall-facts/facts.json"),
    ]
    for name in private:
        path = classroom.state / name
        assert path.exists(), f"{path} is not there: this test would prove nothing"
    outcome = await attack(
        eve,
        """
        import os
        doors = ("", "/proc/self/root", "/proc/1/root", "/proc/self/cwd/../..")
        def look(path):
            return os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(100)
        attempts = {
            door + "/" + path: lambda path=door + path: look(path)
            for door in doors for path in [*paths, state, environments]
        }
        attempts["own"] = lambda: look(os.path.expanduser("~/sums/sums.ipynb"))
        """,
        paths=[f"{classroom.state}/{name}" for name in private],
        state=str(classroom.state),
        environments=str(classroom.workshop.paths.environments),
    )
    # Folders on the way to what a seat may see are there, and hold nothing else.
    ways = {name: what for name, what in reached(outcome).items() if name != "own"}
    settings = classroom.workshop.settings
    passed = (str(classroom.state), str(settings.hub_python.parents[2]))
    assert [name for name in ways if not name.endswith(passed)] == []
    listed = {entry for what in ways.values() for entry in ast.literal_eval(what)}
    assert listed <= {"lib", "seat-config", *(path.name for path in settings.seat.environments)}


async def test_no_secret_is_in_a_seat_s_sight(classroom: Classroom, eve: Robot) -> None:
    """Look into every file and every process that the seat can see, by content."""
    secrets = list(classroom.workshop.secrets.model_dump().values())
    wanted = [text[::-1] for text in (*HIDDEN, *secrets)]
    said = await eve.run_cell(
        KERNEL,
        f"""
import os, sys
wanted = [text[::-1].encode() for text in {wanted!r}]
found, looked = set(), 0
skipped = ("/sys", "/usr", "/proc/sys", sys.prefix, os.environ["PATH"].split("/bin")[0])
for place, folders, files in os.walk("/"):
    folders[:] = [each for each in folders if not os.path.join(place, each).startswith(skipped)]
    for name in files:
        path = os.path.join(place, name)
        if place.startswith("/proc") and name not in ("environ", "cmdline", "mountinfo", "status"):
            continue
        try:
            text = open(path, "rb").read(10_000_000) if os.path.isfile(path) else b""
        except OSError:
            continue
        looked += 1
        found |= {{path}} if any(each in text for each in wanted) else set()
print("LOOKED", looked > 100, sorted(found))
""",
    )
    assert said.strip() == "LOOKED True []"


async def test_what_is_released_has_no_hidden_test_and_no_solution(
    classroom: Classroom, eve: Robot
) -> None:
    notebook = json.dumps(await eve.read_notebook(f"{LAB}/{LAB}.ipynb"))
    folder = classroom.workshop.paths.exchange / "releases" / LAB
    with zipfile.ZipFile(next(folder.glob("*.zip"))) as archive:
        released = "".join(archive.read(name).decode() for name in archive.namelist())
    source = (classroom.state / "coursework" / LAB / "lab.py").read_text()
    for secret in (*HIDDEN, "return 2 * x"):
        assert secret in source
        assert secret not in notebook + released


@pytest.mark.parametrize("with_what", ["cookies", "token"])
@pytest.mark.parametrize("way", ["through the proxy", "directly"])
async def test_what_is_the_instructors_refuses_an_attendee(
    classroom: Classroom, eve: Robot, way: str, with_what: str
) -> None:
    ports = classroom.workshop.settings.ports
    ada_s = classroom.submissions(ADA)[0]["id"]
    services = {
        "formgrader": (ports.formgrader, _FORMGRADER),
        "exchange": (
            ports.exchange,
            (
                f"api/submissions/{LAB}",
                f"api/submissions/{LAB}/{ADA}/{ada_s}",
                f"api/feedback/{LAB}/{ADA}/{ada_s}",
                "report/",
                "report/report.html",
                "report/grades.csv",
                f"feedback/{LAB}/{ADA}/{ada_s}",
            ),
        ),
    }
    credentials: dict[str, Any] = {
        "cookies": {"cookies": cookies_of(eve)},
        "token": {"headers": {"Authorization": f"token {await token_of(eve)}"}},
    }[with_what]
    for name, (port, paths) in services.items():
        base = f"http://127.0.0.1:{port if way == 'directly' else ports.public}"
        async with httpx.AsyncClient(
            base_url=base, trust_env=False, follow_redirects=True, timeout=60, **credentials
        ) as client:
            for path in paths:
                answer = await client.get(f"/services/{name}/{path}")
                asks_who = "/hub/" in str(answer.url) and "oauth2" in str(answer.url)
                login = answer.url.path == "/hub/login"
                said = f"{answer.status_code} {answer.url}: {answer.text[:200]}"
                assert answer.status_code in (401, 403, 404) or asks_who or login, said
                assert not any(secret in answer.text for secret in HIDDEN)
            refused = await client.put(f"/services/exchange/api/releases/{LAB}", content=b"")
            assert refused.status_code in (401, 403, 404, 405)


_FORMGRADER = (
    "formgrader",
    "formgrader/gradebook",
    "formgrader/api/assignments",
    "formgrader/api/students",
    "api/contents/gradebook.db",
    "api/contents/source/sums/sums.ipynb",
    "files/gradebook.db",
    "api/kernels",
    "api/terminals",
)


async def test_no_port_of_the_workshop_does_what_a_seat_asks(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    """The proxy's own interface, and any other port that our programs listen on."""
    ports = listening(classroom)
    settings = classroom.workshop.settings
    assert {settings.ports.public, settings.ports.hub, settings.ports.exchange} <= set(ports)
    outcome = await attack(
        eve,
        """
        import os, urllib.request
        token = os.environ["JUPYTERHUB_API_TOKEN"]
        target = b'{"target": "http://127.0.0.1:9"}'
        def ask(port, method, path, way):
            url = f"http://127.0.0.1:{port}{path}"
            data = target if method in ("POST", "PUT") else None
            headers = {"Authorization": f"{way} {token}"} if way else {}
            request = urllib.request.Request(url, headers=headers, method=method, data=data)
            return urllib.request.urlopen(request, timeout=20).read().decode()
        paths = [("GET", path) for path in (
            "/api/routes", "/api/http/routers", "/api/http/services", "/api/rawdata",
            "/api/overview", "/debug/vars", "/dashboard/", "/metrics")]
        paths += [("POST", "/api/routes/user/iso-ada"), ("DELETE", "/api/routes/user/iso-ada"),
                  ("PUT", "/api/providers/rest"), ("PUT", "/api/providers/file")]
        attempts = {
            f"{port} {method} {path} {way}": (
                lambda a=(port, method, path, way): ask(*a))
            for port in ports for method, path in paths for way in ("", "token")
        }
        """,
        ports=sorted(ports),
    )
    answered = {
        name: what
        for name, what in reached(outcome).items()
        # Without a token the hub shows its login page for what it doesn't know.
        if "<title>" not in what and "JupyterHub" not in what
    }
    assert answered == {}
    assert (await ada.get(ada.path("api/contents/diary.txt"))).status_code == 200


def listening(classroom: Classroom) -> dict[int, str]:
    """{port: command} of the workshop's own programs, seats aside."""
    found = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or connection.pid is None:
            continue
        try:
            process = psutil.Process(connection.pid)
            environ = process.environ()
        except psutil.Error:
            continue
        ours = environ.get("WORKSHOP_STATE_HOME") == str(classroom.state)
        if ours and "JUPYTERHUB_USER" not in environ:
            found[connection.laddr.port] = " ".join(process.cmdline())
    return found


async def test_the_supervisor_has_no_door_in_a_seat(classroom: Classroom, eve: Robot) -> None:
    outcome = await attack(
        eve,
        """
        import os, socket
        def connect(path):
            socket.socket(socket.AF_UNIX).connect(path)
        attempts = {path: lambda path=path: connect(path) for path in (
            door, "/proc/1/root" + door, "/var/run/supervisor.sock", "/run/supervisor.sock")}
        names = [line.split()[7] for line in open("/proc/net/unix") if len(line.split()) > 7]
        attempts |= {name: lambda name=name: connect(name)
                     for name in names if "supervisor" in name or "workshop" in name}
        """,
        door=str(classroom.state / "run" / "supervisor.sock"),
    )
    assert reached(outcome) == {}
