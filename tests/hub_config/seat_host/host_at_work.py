"""A seat host's service that really runs on this machine, and seats driven from outside."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import websockets

from hub_config.install import free_ports
from hub_config.seat_host import firewall
from hub_config.seat_host.client import SeatHost
from hub_config.seat_host.protocol import SeatHostError, SeatOrder
from hub_config.seat_host.settings import HostSettings, WarmKernel
from provisioning.limits import remove_all

SOURCE = Path(__file__).parents[3]
ROOMS = ("hub_config", "provisioning")
MEMORY = 1024**3
_SECONDS = 60.0


def until(true: Callable[[], bool], seconds: float = _SECONDS) -> None:
    """Wait; AssertionError when it doesn't come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


class StubHub(ThreadingHTTPServer):
    """Says to a single-user server what a hub would: the bearer of token X is the user X."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HubAnswers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _HubAnswers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.headers.get("Authorization", "").split(" ")[-1].removeprefix("token-of-")
        scopes = [f"access:servers!server={name}/", f"access:servers!user={name}"]
        user = {"kind": "user", "name": name, "admin": False, "groups": [], "scopes": scopes}
        self._say(user if self.path.startswith("/hub/api/user") else {"version": "6.1.1"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._say({})

    def _say(self, value: object) -> None:
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@dataclass
class HostAtWork:
    """One service. Its seats are named and numbered by the tests."""

    folder: Path
    settings: HostSettings
    hub_port: int
    jupyter_path: str
    first_uid: int
    #: Put before the service's command, such as another network.
    inside: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> SeatHost:
        return SeatHost(self.settings.socket)

    def run(self) -> None:
        """Start the service and wait until it answers."""
        file = self.folder / "seats.json"
        file.write_text(self.settings.text())
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.inside,
                    str(self.settings.hub_python),
                    *("-m", "hub_config.seat_host.service", "--settings", str(file)),
                ],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.settings.library)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.answers)

    def end(self) -> None:
        """As `kill -9` of the service: seats go on."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def answers(self) -> bool:
        try:
            self.client.health()
        except SeatHostError:
            return False
        return True

    def wait_until_warm(self) -> None:
        until(lambda: all(not each.ill for each in self.client.health().warm))

    def order(self, username: str, number: int, **changes: Any) -> SeatOrder:
        port = self.port(number)
        order = SeatOrder(
            username=username,
            uid=self.first_uid + number,
            port=port,
            environment=self._environment(username, port),
            memory_bytes=MEMORY,
            cpus=1.0,
            processes=256,
            home=self.settings.homes / username,
        )
        return replace(order, **changes)

    def port(self, number: int) -> int:
        # Beside the ports that Linux gives to whoever asks for any.
        return self.first_uid % 8000 + 21000 + number

    def log(self, username: str) -> str:
        return (self.settings.run / "logs" / f"{username}.log").read_text()

    @property
    def service_log(self) -> str:
        return (self.folder / "service.log").read_text()

    def _environment(self, username: str, port: int) -> Mapping[str, str]:
        scopes = [f"access:servers!server={username}/", f"access:servers!user={username}"]
        api = f"http://127.0.0.1:{self.hub_port}/hub/api"
        prefix = f"/user/{username}/"
        return {
            "HOME": f"/home/{username}",
            "USER": username,
            "PATH": f"{self.settings.hub_prefix / 'bin'}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(self.settings.library),
            "JUPYTER_PATH": self.jupyter_path,
            "JUPYTER_CONFIG_PATH": str(self.folder / "config"),
            "JUPYTER_RUNTIME_DIR": "/tmp/jupyter",
            "JUPYTERHUB_ACTIVITY_URL": f"{api}/users/{username}/activity",
            "JUPYTERHUB_API_TOKEN": f"token-of-{username}",
            "JUPYTERHUB_API_URL": api,
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{username}",
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps(scopes),
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{prefix}oauth_callback",
            "JUPYTERHUB_SERVER_NAME": "",
            "JUPYTERHUB_SERVICE_PREFIX": prefix,
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}{prefix}",
            "JUPYTERHUB_USER": username,
        }


@contextmanager
def host_at_work(
    hub_prefix: Path, kernels: tuple[WarmKernel, ...], **changes: Any
) -> Iterator[HostAtWork]:
    """A service with a folder of its own that seats may pass through; all of it ends here."""
    if os.geteuid() != 0:
        pytest.fail("the seats' service is root's: run these tests as root")
    number = free_ports(1)[0]
    name = f"t{number}"
    folder = Path(tempfile.mkdtemp(prefix="workshop-seats-", dir="/var/tmp"))
    folder.chmod(0o755)
    library = folder / "library"
    for room in ROOMS:
        shutil.copytree(SOURCE / room, library / room, ignore=shutil.ignore_patterns("__pycache__"))
    inside = changes.pop("inside", ())
    settings = HostSettings(
        workshop=name,
        socket=folder / "seats.sock",
        run=folder / "run",
        homes=folder / "homes",
        hub_prefix=hub_prefix,
        library=library,
        read_only=(hub_prefix, *(kernel.prefix for kernel in kernels), library, folder / "config"),
        kernels=kernels,
        **changes,
    )
    (folder / "config").mkdir()
    hub = StubHub()
    path = os.pathsep.join(str(kernel.prefix / "share" / "jupyter") for kernel in kernels)
    host = HostAtWork(folder, settings, hub.port, path, 100_000 + number, inside)
    try:
        host.run()
        yield host
    finally:
        _end_everything(host)
        hub.shutdown()


def _end_everything(host: HostAtWork) -> None:
    if host.process is not None and host.process.poll() is None:
        for state in host.client.list():
            host.client.stop(state.username, now=True)
    host.end()
    remove_all(host.settings.workshop)
    if host.settings.reach is not None and not host.inside:
        firewall.remove(host.settings.workshop)
    shutil.rmtree(host.folder, ignore_errors=True)


@dataclass(frozen=True)
class SeatServer:
    """A seat's JupyterLab as its owner's browser sees it."""

    username: str
    port: int

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def post(self, path: str, body: object = None) -> Any:
        return self._call("POST", path, body)

    def answers(self) -> bool:
        try:
            self.get("/api/status")
        except OSError:
            return False
        return True

    def start_kernel(self, name: str) -> str:
        return str(self.post("/api/kernels", {"name": name})["id"])

    def run_cell(
        self, kernel: str, code: str, *, on_stream: Callable[[], None] | None = None
    ) -> str:
        """What it prints and the kinds of what it shows, or the name of its exception."""
        return asyncio.run(self._run_cell(kernel, code, on_stream))

    async def _run_cell(self, kernel: str, code: str, on_stream: Callable[[], None] | None) -> str:
        token = {"Authorization": f"token token-of-{self.username}"}
        url = f"ws://127.0.0.1:{self.port}/user/{self.username}/api/kernels/{kernel}/channels"
        async with websockets.connect(url, additional_headers=token) as channels:
            number = uuid.uuid4().hex
            await channels.send(json.dumps(_execute_request(number, code)))
            said = ""
            while True:
                told = json.loads(await asyncio.wait_for(channels.recv(), _SECONDS))
                if told["parent_header"].get("msg_id") != number:
                    continue
                match told["msg_type"], told["content"]:
                    case "stream", content:
                        said += content["text"]
                        if on_stream is not None:
                            await asyncio.to_thread(on_stream)
                    case "display_data", content:
                        said += " ".join(content["data"])
                    case "error", content:
                        said += content["ename"]
                    case "status", {"execution_state": "idle"}:
                        return said

    def _call(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/user/{self.username}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"token token-of-{self.username}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read() or b"null")


def _execute_request(number: str, code: str) -> object:
    header = {
        "msg_id": number,
        "msg_type": "execute_request",
        "username": "",
        "session": "tests",
        "date": "",
        "version": "5.3",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }
