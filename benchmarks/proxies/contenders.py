"""The three proxies, each started, told its routes and stopped in its own way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import psutil

from .robots import Address, status_of

TOKEN = "benchmark-only"
START_SECONDS = 20.0


@dataclass(frozen=True)
class Tls:
    """A certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Cost:
    """What a proxy has used so far, and what it holds now."""

    cpu_seconds: float
    megabytes: float
    descriptors: int


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that we started, politely first."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Proxy(ABC):
    """A proxy process of ours on loopback, with a folder to write in."""

    def __init__(self, executable: Path, folder: Path) -> None:
        self.executable = executable
        self.folder = folder
        self.port = free_port()
        self.api_port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self, tls: Tls | None) -> list[str]:
        """The command line that runs this proxy."""

    @abstractmethod
    async def tell(self, prefix: str, target: str) -> None:
        """Announce one route; it may take effect later."""

    @property
    def address(self) -> Address:
        """Where its clients come in."""
        return Address("127.0.0.1", self.port)

    async def listening(self) -> bool:
        """Whether it takes requests and routes."""
        return await self.address.listening()

    async def start(self, tls: Tls | None = None) -> None:
        """Run it and wait until it listens. It may refuse: then the exit is an error."""
        with (self.folder / "proxy.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(tls),
                cwd=self.folder,
                env={**os.environ, "CONFIGPROXY_AUTH_TOKEN": TOKEN},
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(START_SECONDS):
            while not await self.listening():
                if self.process.poll() is not None:
                    raise RuntimeError(f"{self.executable} left with {self.process.returncode}")
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """End it; nothing happens if it isn't running."""
        if self.process is not None:
            kill(self.process)
            self.process = None

    async def add_route(self, prefix: str, target: str, page: str) -> None:
        """Announce one route and wait until `page` below it answers."""
        await self.tell(prefix, target)
        async with asyncio.timeout(START_SECONDS):
            while await status_of(self.address, page) != 200:
                await asyncio.sleep(0.01)

    def cost(self) -> Cost:
        """Processor time since the start; memory (PSS) and descriptors now."""
        assert self.process is not None
        seen = psutil.Process(self.process.pid)
        times = seen.cpu_times()
        return Cost(
            cpu_seconds=times.user + times.system,
            megabytes=seen.memory_full_info().pss / 1e6,
            descriptors=seen.num_fds(),
        )


class ConfigurableHttpProxy(Proxy):
    """The REST interface that the Node proxy and its pure-Python copy share."""

    def command(self, tls: Tls | None) -> list[str]:
        """Loopback only; quiet, since a line of log for each request would be measured too."""
        ports = ["--ip=127.0.0.1", f"--port={self.port}", "--api-ip=127.0.0.1"]
        ports += [f"--api-port={self.api_port}", "--log-level=error"]
        if tls:
            ports += [f"--ssl-cert={tls.certificate}", f"--ssl-key={tls.key}"]
        return [str(self.executable), *ports]

    async def listening(self) -> bool:
        """The interface for routes opens after the public port."""
        api = Address("127.0.0.1", self.api_port)
        return await super().listening() and await api.listening()

    async def tell(self, prefix: str, target: str) -> None:
        """POST the route, as the hub does."""
        body = json.dumps({"target": target}).encode()
        request = (
            f"POST /api/routes{prefix} HTTP/1.1\r\nHost: api\r\nAuthorization: token {TOKEN}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.api_port)
        writer.write(request + body)
        answer = await reader.read()
        writer.close()
        if not answer.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(f"route {prefix} refused: {answer[:80]!r}")


class Traefik(Proxy):
    """Traefik with its file provider: routes are a file that it watches (JSON is valid YAML)."""

    def __init__(self, executable: Path, folder: Path) -> None:
        super().__init__(executable, folder)
        self.tls: Tls | None = None
        self.routes: dict[str, str] = {}
        with contextlib.suppress(FileNotFoundError):
            self.routes = json.loads((folder / "routes.json").read_text())

    def command(self, tls: Tls | None) -> list[str]:
        """Write the static and the first dynamic file; no call home, encoded paths let through."""
        self.tls = tls
        http: dict[str, object] = {"encodedCharacters": ENCODED_CHARACTERS_PASS}
        if tls:
            http["tls"] = {}
        static = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "ERROR"},
            "providers": {
                "providersThrottleDuration": "0s",
                "file": {"filename": str(self.folder / "dynamic.yaml"), "watch": True},
            },
            "entryPoints": {
                "web": {
                    "address": f"127.0.0.1:{self.port}",
                    "http": http,
                    # Not 60 s, the default: a slow upload may take longer.
                    "transport": {"respondingTimeouts": {"readTimeout": "0s"}},
                }
            },
        }
        (self.folder / "static.yaml").write_text(json.dumps(static))
        self._write_routes()
        return [str(self.executable), f"--configfile={self.folder / 'static.yaml'}"]

    async def tell(self, prefix: str, target: str) -> None:
        """Rewrite the whole file, as jupyterhub-traefik-proxy does for every route."""
        self.routes[prefix] = target
        self._write_routes()

    def _write_routes(self) -> None:
        (self.folder / "routes.json").write_text(json.dumps(self.routes))
        dynamic: dict[str, object] = {}
        if self.routes:
            dynamic["http"] = {
                "routers": {
                    _alias(prefix): {"rule": f"PathPrefix(`{prefix}`)", "service": _alias(prefix)}
                    for prefix in self.routes
                },
                "services": {
                    _alias(prefix): {"loadBalancer": {"servers": [{"url": target}]}}
                    for prefix, target in self.routes.items()
                },
            }
        if self.tls:
            pair = {"certFile": str(self.tls.certificate), "keyFile": str(self.tls.key)}
            dynamic["tls"] = {"stores": {"default": {"defaultCertificate": pair}}}
        # Renamed into place: traefik must never read half a file.
        draft = self.folder / "dynamic.yaml.new"
        draft.write_text(json.dumps(dynamic))
        draft.replace(self.folder / "dynamic.yaml")


# JupyterLab asks for names that contain these. Traefik 3.7 lets them through by default, with a
# warning that it can refuse them; said aloud, so that another default doesn't surprise us.
ENCODED_CHARACTERS_PASS = {
    f"allowEncoded{name}": True
    for name in ("Slash", "BackSlash", "NullCharacter", "Semicolon", "Percent", "QuestionMark",
                 "Hash")
}  # fmt: skip

KINDS: dict[str, type[Proxy]] = {
    "node": ConfigurableHttpProxy,
    "python": ConfigurableHttpProxy,
    "traefik": Traefik,
}


def _alias(prefix: str) -> str:
    return "route-" + prefix.strip("/").replace("/", "-")
