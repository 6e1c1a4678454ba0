"""A real hub, a real exchange service and real tokens for its tests."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from hub_config.exchange.client import Address, ExchangeClient
from hub_config.install import free_ports

PROJECT = Path(__file__).parents[3]
COURSE = "nlp"
PREFIX = "/services/exchange/"
INSTRUCTOR = "ines"
ATTENDEES = ["ada", "bob", *(f"seat{number:02}" for number in range(1, 21))]

HUB_CONFIG = """
c = get_config()  # noqa
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.load_groups = {{
    "instructors": {{"users": [{instructor!r}]}},
    "attendees": {{"users": {attendees!r}}},
    "outsiders": {{"users": ["olga"]}},
}}
c.JupyterHub.services = [
    {{"name": "exchange", "url": "http://127.0.0.1:{exchange_port}", "api_token": {token!r},
      "oauth_no_confirm": True}},
    {{"name": "formgrader", "api_token": {formgrader!r}}},
    {{"name": "stranger", "api_token": {stranger!r}}},
    {{"name": "test", "api_token": {admin!r}}},
]
c.JupyterHub.load_roles = [
    {{"name": "uses-exchange", "groups": ["instructors", "attendees"],
      "services": ["formgrader", "stranger"],
      "scopes": ["access:services!service=exchange"]}},
    {{"name": "test", "services": ["test"], "scopes": ["admin:users", "tokens"]}},
]
"""


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if requests.get(url, timeout=2).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} didn't come up:\n{log.read_text()[-4000:]}")


@dataclass
class Person:
    """Somebody with a token: with our client, and with bare requests."""

    name: str
    token: str
    url: str

    @cached_property
    def client(self) -> ExchangeClient:
        return ExchangeClient(Address(self.url, self.token))

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = {"Authorization": f"token {self.token}", **kwargs.pop("headers", {})}
        return requests.request(method, f"{self.url}/{path}", headers=headers, timeout=30, **kwargs)

    def ticket(self, assignment: str, **fields: Any) -> str:
        answer = self.request("POST", "api/tickets", json={"assignment": assignment, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ticket"])

    def own(self, assignment: str) -> list[Any]:
        views = {view.assignment: view for view in self.client.overview().assignments}
        return list(views[assignment].submissions) if assignment in views else []


@dataclass
class Hub:
    """A running JupyterHub; `tokens` are those of its services."""

    port: int
    hub_port: int
    exchange_port: int
    tokens: dict[str, str]
    folder: Path
    user_tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.hub_port}/hub/api"

    def token_of(self, user: str) -> str:
        """A token with which the user may do all that the user may."""
        if user not in self.user_tokens:
            self.user_tokens[user] = self.new_token(user, {})
        return self.user_tokens[user]

    def new_token(self, user: str, body: dict[str, Any]) -> str:
        answer = requests.post(
            f"{self.api}/users/{user}/tokens",
            headers={"Authorization": f"token {self.tokens['test']}"},
            json=body,
            timeout=30,
        )
        assert answer.ok, answer.text
        return str(answer.json()["token"])


@dataclass
class Exchange:
    """A service process with a store of its own, known to the hub as its exchange."""

    hub: Hub
    folder: Path
    store: Path
    port: int
    settings: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}".rstrip("/")

    @property
    def uploads(self) -> list[Path]:
        return list((self.store / "uploads").iterdir())

    def start(self) -> None:
        config = self.folder / "exchange.json"
        config.write_text(
            json.dumps(
                {
                    "course": COURSE,
                    "port": self.port,
                    "store": str(self.store),
                    "reports": str(self.folder / "reports"),
                    "identity_seconds": 2,
                    **self.settings,
                }
            )
        )
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "JUPYTERHUB_API_TOKEN": self.hub.tokens["exchange"],
            "JUPYTERHUB_API_URL": self.hub.api,
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "service-exchange",
            "JUPYTERHUB_SERVICE_NAME": "exchange",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        }
        log = self.folder / "exchange.log"
        command = [sys.executable, "-m", "hub_config.exchange.service", "--config", str(config)]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=environ, cwd=self.folder, stdout=output, stderr=output
            )
        wait_for(f"{self.url}/health", self.process, log)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=20)
            self.process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def memory(self) -> int:
        assert self.process is not None
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def person(self, name: str) -> Person:
        return Person(name, self.hub.token_of(name), self.url)

    def service(self, name: str) -> Person:
        return Person(name, self.hub.tokens[name], self.url)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    names = ("exchange", "formgrader", "stranger", "test")
    port, hub_port, exchange_port, proxy_port = free_ports(4)
    hub = Hub(
        port=port,
        hub_port=hub_port,
        exchange_port=exchange_port,
        tokens={name: secrets.token_hex(16) for name in names},
        folder=folder,
    )
    config = folder / "jupyterhub_config.py"
    config.write_text(
        HUB_CONFIG.format(
            port=hub.port,
            hub_port=hub.hub_port,
            proxy_port=proxy_port,
            exchange_port=hub.exchange_port,
            proxy=str(Path(sys.executable).with_name("configurable-http-proxy")),
            instructor=INSTRUCTOR,
            attendees=ATTENDEES,
            token=hub.tokens["exchange"],
            formgrader=hub.tokens["formgrader"],
            stranger=hub.tokens["stranger"],
            admin=hub.tokens["test"],
        )
    )
    log = folder / "hub.log"
    # The hub looks for its services when it starts, so this one comes first.
    first = Exchange(hub, folder, folder / "store", hub.exchange_port)
    first.start()
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(PROJECT),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            cwd=folder,
            env=environ,
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(f"{hub.url}/hub/api/health", process, log)
        yield hub
    finally:
        end_with_children(process)
        first.stop()


def end_with_children(process: subprocess.Popen[bytes]) -> None:
    """Stop the hub, and its proxy even where the hub is too slow to do it."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, late = psutil.wait_procs([psutil.Process(process.pid), *children], timeout=15)
        for one in late:
            one.kill()
    process.wait(timeout=15)


@pytest.fixture(scope="session")
def behind_proxy(hub: Hub) -> Exchange:
    """The exchange that the hub's proxy leads to."""
    return Exchange(hub, hub.folder, hub.folder / "store", hub.exchange_port)


StartExchange = Callable[..., Exchange]


@pytest.fixture(scope="module")
def start_exchange(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartExchange]:
    """Start services with a store of their own; they end with the module."""
    running: list[Exchange] = []

    def start(store: Path | None = None, **settings: Any) -> Exchange:
        folder = tmp_path_factory.mktemp("exchange")
        exchange = Exchange(hub, folder, store or folder / "store", free_ports(1)[0], settings)
        exchange.start()
        running.append(exchange)
        return exchange

    yield start
    for exchange in running:
        exchange.stop()


@pytest.fixture(scope="module")
def exchange(start_exchange: StartExchange) -> Exchange:
    """A service with two released assignments."""
    service = start_exchange()
    for name in ("tokenisation", "embeddings"):
        archive = service.folder / f"{name}.zip"
        archive.write_bytes(zipped({"lab.ipynb": f"released {name}"}))
        service.person(INSTRUCTOR).client.put_release(name, archive)
    return service


def zipped(files: dict[str, str | bytes]) -> bytes:
    """A plain archive, made without our own code."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return target.getvalue()


@pytest.fixture(name="zipped", scope="session")
def zipped_fixture() -> Callable[[dict[str, str | bytes]], bytes]:
    return zipped
