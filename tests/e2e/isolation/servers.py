"""Nobody opens another's server, and nobody but the instructor rules the hub."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import psutil
import pytest

from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import (
    ADA,
    CANARY,
    EVE,
    KERNEL,
    Classroom,
    attack,
    cookies_of,
    form_token,
    reached,
    token_of,
)
from tests.e2e.isolation.processes import COUNTING, counted

_SOCKETS_OF_A_KERNEL = 5
PAGES = (
    f"/user/{ADA}/lab",
    f"/user/{ADA}/tree",
    f"/user/{ADA}/api/contents/diary.txt",
    f"/user/{ADA}/files/diary.txt",
    f"/user/{ADA}/api/kernels",
    f"/user/{ADA}/api/terminals",
    f"/user/{ADA}/api/sessions",
    f"/user/{ADA}/assignments",
)


@pytest.mark.parametrize("with_what", ["cookies", "token", "nothing"])
async def test_another_s_server_stays_closed(
    classroom: Classroom, ada: Robot, eve: Robot, with_what: str
) -> None:
    credentials: dict[str, Any] = {
        "cookies": {"cookies": cookies_of(eve)},
        "token": {"headers": {"Authorization": f"token {await token_of(eve)}"}},
        "nothing": {},
    }[with_what]
    async with classroom.visitor(follow_redirects=True, **credentials) as browser:
        for page in PAGES:
            answer = await browser.get(page)
            shows_login = answer.url.path == "/hub/login"
            assert answer.status_code in (403, 404) or shows_login, page
            assert CANARY not in answer.text
        for verb, page in (("POST", "api/kernels"), ("POST", "api/terminals")):
            answer = await browser.request(verb, f"/user/{ADA}/{page}", headers=form_token(eve))
            assert answer.status_code in (403, 404)
        answer = await browser.put(f"/user/{ADA}/api/contents/diary.txt", json={"content": ""})
        assert answer.status_code in (403, 404)
    assert (await ada.read_notebook("sums/sums.ipynb"))["cells"]


async def test_the_port_of_another_s_server_is_closed_too(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    """Seats share the machine's loopback: past the proxy, straight to the server."""
    outcome = await attack(
        eve,
        """
        import os, urllib.request
        token = os.environ["JUPYTERHUB_API_TOKEN"]
        def ask(port, user, page, headers, method="GET", data=None):
            url = f"http://127.0.0.1:{port}/user/{user}/{page}"
            request = urllib.request.Request(url, headers=headers, method=method, data=data)
            opener = urllib.request.build_opener(NoRedirect)
            return opener.open(request, timeout=20).read()
        class NoRedirect(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *arguments):
                return None
        ways = {
            "token": {"Authorization": f"token {token}"},
            "bearer": {"Authorization": f"Bearer {token}"},
            "nothing": {},
            "a name": {"X-Forwarded-User": ada, "Remote-User": ada},
        }
        attempts = {}
        for way, headers in ways.items():
            for page in ("api/contents/diary.txt?content=1", "files/diary.txt", "api/kernels",
                         f"api/kernels?token={token}", "lab"):
                attempts[f"{way} {page[:24]}"] = (
                    lambda page=page, headers=headers: ask(port, ada, page, headers))
            attempts[f"{way} kernel"] = lambda headers=headers: ask(
                port, ada, "api/kernels", headers, "POST", b"{}")
        attempts["own"] = lambda: ask(own_port, eve, "api/kernels", ways["token"])
        """,
        ada=ADA,
        eve=EVE,
        port=classroom.seat_port(ADA),
        own_port=classroom.seat_port(EVE),
    )
    assert len(outcome) == 25
    assert list(reached(outcome)) == ["own"]


async def test_another_s_kernel_can_not_be_spoken_to(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    kernel = await ada.post("api/kernels", {"name": KERNEL})
    try:
        sockets = await _sockets(await _kernels(classroom))
        outcome = await attack(
            eve,
            """
            import socket
            attempts = {
                name: lambda name=name: socket.socket(socket.AF_UNIX).connect(
                    "\\0" + name[1:] if name[0] == "@" else name)
                for name in sockets
            }
            secret = "/tmp/jupyter/kernel-%s.json" % kernel
            attempts["the connection file"] = lambda: open(secret).read()
            """,
            sockets=sorted(sockets),
            kernel=kernel["id"],
        )
        assert reached(outcome) == {}
    finally:
        path = ada.path(f"api/kernels/{kernel['id']}")
        await ada.client.delete(path, headers=ada.headers())


async def test_nothing_can_be_put_into_another_s_output(
    classroom: Classroom, ada: Robot, eve: Robot
) -> None:
    """A kernel has one port, for the output of its children: only they know its password.

    Somebody else's words are at most shown as what they are.
    """
    cell = asyncio.create_task(ada.run_cell(KERNEL, COUNTING.format(seconds=8)))
    programs = await _kernels(classroom)
    async with asyncio.timeout(60):
        while len(ports := _ports(programs)) < len(programs):
            await asyncio.sleep(0.2)
    assert len(ports) == len(programs)
    assert not cell.done(), "it was too late for Ada's output"
    await eve.run_cell(
        KERNEL,
        f"""
import json, os, time, zmq
header = json.dumps({{"msg_id": "1", "msg_type": "stream", "session": "", "username": ""}}).encode()
content = json.dumps({{"name": "stdout", "text": "FORGED"}}).encode()
for port in {sorted(ports)}:
    pipe = zmq.Context.instance().socket(zmq.PUSH)
    pipe.connect(f"tcp://127.0.0.1:{{port}}")
    for password in (b"", bytes(16), os.urandom(16)):
        parts = [b"stream", b"<IDS|MSG>", b"", header, b"{{}}", b"{{}}", content]
        pipe.send_multipart([password, *parts])
    time.sleep(0.5)
    pipe.close(linger=500)
""",
    )
    lines = (await cell).strip().splitlines()
    assert [line for line in lines if not line.startswith("Bad pipe message")] == [counted(8)]


async def test_no_kernel_offers_a_debugger(ada: Robot) -> None:
    """It would listen on the loopback that all seats share, and obey whoever connects."""
    answer = await ada.get(ada.path("api/kernelspecs"))
    offered = answer.json()["kernelspecs"]
    assert KERNEL in offered
    assert not any(each["spec"]["metadata"].get("debugger") for each in offered.values())


@pytest.mark.parametrize("with_what", ["cookies", "token"])
async def test_the_hub_s_api_gives_a_seat_nothing_but_itself(
    classroom: Classroom, eve: Robot, with_what: str
) -> None:
    async with classroom.hub() as hub:
        before = await _everybody(hub)
    headers = (
        form_token(eve)
        if with_what == "cookies"
        else {"Authorization": f"token {await token_of(eve)}"}
    )
    cookies = cookies_of(eve) if with_what == "cookies" else None
    async with classroom.visitor(headers=headers, cookies=cookies) as caller:
        own = await caller.get("/hub/api/user")
        assert (own.status_code, own.json()["name"]) == (200, EVE)
        for verb, path, body in _RULING:
            answer = await caller.request(verb, f"/hub/api{path}", json=body)
            said = f"{verb} {path}: {answer.status_code} {answer.text[:200]}"
            assert 400 <= answer.status_code < 500, said
        answer = await caller.get("/hub/admin")
        asks_who = answer.headers.get("Location", "").startswith("/hub/login")
        assert answer.status_code == 403 or asks_who
    async with classroom.hub() as hub:
        assert await _everybody(hub) == before


_RULING: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/users", None),
    ("GET", f"/users/{ADA}", None),
    ("GET", "/groups", None),
    ("GET", "/services", None),
    ("GET", "/proxy", None),
    ("GET", f"/users/{ADA}/tokens", None),
    ("POST", f"/users/{ADA}/tokens", {}),
    ("POST", f"/users/{EVE}/tokens", {"roles": ["admin"]}),
    ("POST", f"/users/{EVE}/tokens", {"scopes": ["admin:users"]}),
    ("POST", f"/users/{EVE}/tokens", {"scopes": [f"access:servers!user={ADA}"]}),
    ("PATCH", f"/users/{EVE}", {"admin": True}),
    ("PATCH", f"/users/{EVE}", {"name": ADA}),
    ("PATCH", f"/users/{ADA}", {"name": "gone"}),
    ("POST", "/users", {"usernames": ["mallory"]}),
    ("POST", "/users/mallory", None),
    ("DELETE", f"/users/{ADA}", None),
    ("POST", f"/users/{ADA}/server", {}),
    ("DELETE", f"/users/{ADA}/server", None),
    ("POST", "/groups/instructors/users", {"users": [EVE]}),
    ("PUT", f"/users/{EVE}/shares", {}),
    ("POST", f"/shares/{ADA}/", {"user": EVE}),
    ("POST", "/proxy", None),
    ("PATCH", "/proxy", {"ip": "127.0.0.1", "port": 9}),
    ("POST", "/shutdown", {}),
)


async def _everybody(hub: httpx.AsyncClient) -> Any:
    """Users, rights, groups and servers: what an attack could have changed."""
    rows = (await hub.get("/hub/api/users")).json()
    return sorted(
        (row["name"], row["admin"], row["groups"], row["roles"], bool(row["servers"]))
        for row in rows
    )


async def _kernels(classroom: Classroom) -> list[psutil.Process]:
    """Ada's, once there is one: a warm one is hers a moment after it has answered."""
    async with asyncio.timeout(60):
        while not (found := [each for each in classroom.seat_processes(ADA) if _is_kernel(each)]):
            await asyncio.sleep(0.1)
    return found


def _ports(programs: list[psutil.Process]) -> set[int]:
    return {
        connection.laddr.port
        for program in programs
        for connection in program.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


async def _sockets(programs: list[psutil.Process]) -> set[str]:
    """The sockets that a kernel listens on, once it has made all of them."""
    found: set[str] = set()
    async with asyncio.timeout(60):
        while len(found) < _SOCKETS_OF_A_KERNEL:
            await asyncio.sleep(0.2)
            found = {
                connection.laddr
                for program in programs
                for connection in program.net_connections("unix")
                if isinstance(connection.laddr, str) and connection.laddr
            }
    return found


def _is_kernel(process: psutil.Process) -> bool:
    try:
        # A warm one keeps the command line of the process that it was forked from.
        command = process.cmdline()
        return "ipykernel_launcher" in command or {"hub_config.seat_host.warm", "kernel"} <= set(
            command
        )
    except psutil.Error:
        return False
