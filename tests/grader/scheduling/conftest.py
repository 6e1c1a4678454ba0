"""Real worker hosts: network namespaces with sshd, reached through OpenSSH's forwards alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from grader.scheduling.keys import believe, ensure_key, tls_files
from grader.scheduling.settings import (
    DispatcherSettings,
    WorkerEnvironment,
    WorkerSettings,
)
from grader.scheduling.worker_hosts import WorkerHosts
from grader.settings import WorkerHostsSettings
from hub_config.install import free_ports
from tests.cloud.machines.yard import PlainHost, namespace_hosts

PROJECT = Path(__file__).parents[3]
NOW = datetime.now(UTC)
#: Nobody's: what a worker runs as on its host.
WORKER_ACCOUNT = 61988
SLOTS = 2


def as_worker(*command: str) -> list[str]:
    account = str(WORKER_ACCOUNT)
    return ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", *command]


@dataclass
class Worker:
    """One worker process on one host, and its link."""

    name: str
    settings: Path
    port: int
    network: tuple[str, ...]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "grader.scheduling.worker", str(self.settings)]
        log = (self.settings.parent / "log").open("ab")
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "HOME": "/tmp"}
        process = subprocess.Popen(
            [*self.network, *as_worker(*command)], env=environment, stdout=log, stderr=log
        )
        self.processes.append(process)

    @property
    def runs(self) -> bool:
        return bool(self.processes) and self.processes[-1].poll() is None

    def kill(self) -> None:
        self.processes[-1].send_signal(signal.SIGKILL)
        self.processes[-1].wait(10)


@dataclass
class GradingHosts:
    """The dispatcher here, workers there."""

    place: Path
    workers: dict[str, Worker]
    dispatcher: DispatcherSettings
    process: Any = None

    def start_dispatcher(self) -> None:
        """As its supervisor does."""
        file = self.place / "dispatcher" / "settings.json"
        file.write_text(self.dispatcher.model_dump_json())
        command = [sys.executable, "-P", "-m", "grader.scheduling.jailed", str(file)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
        with (self.place / "dispatcher" / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def end_dispatcher(self) -> None:
        """With what runs in its jail, which dies a moment after the jail."""
        inside = []
        if self.process.poll() is None:
            inside = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + 30
        while any(_lives(each) for each in inside):
            assert time.monotonic() < deadline, inside
            time.sleep(0.02)

    @property
    def settings(self) -> WorkerHostsSettings:
        return WorkerHostsSettings(socket=self.dispatcher.socket, slots=SLOTS * len(self.workers))

    def let_run(self, *names: str) -> None:
        """These workers and no others."""
        for name, worker in self.workers.items():
            if worker.runs and name not in names:
                worker.kill()
            elif name in names and not worker.runs:
                worker.start()
        self.wait_for(*names)

    def state(self) -> dict[str, int]:
        return WorkerHosts(self.dispatcher.socket, {}, 1).state()

    def judged(self) -> dict[str, int]:
        return WorkerHosts(self.dispatcher.socket, {}, 1).judged()

    def wait_for(self, *names: str, seconds: float = 60) -> None:
        """Until exactly these workers are connected."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if set(found := self.state()) == set(names):
                    return
            except Exception as error:  # the dispatcher is starting
                found = {str(error): 0}
            if time.monotonic() > deadline:
                logs = "\n".join(log.read_text()[-2000:] for log in self.place.glob("*/log"))
                raise AssertionError(f"connected: {found}\n{logs}")
            time.sleep(0.1)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@contextmanager
def link(host: PlainHost, dispatcher: int, worker: int, key: Path) -> Iterator[None]:
    """As the hub's own links are: one OpenSSH client, forwards both ways on loopback."""
    known = key.with_name(f"known-{worker}")
    known.write_text(f"{host.addresses.public} {host.host_key}\n")
    forwards = ["-L", f"127.0.0.1:{worker}:127.0.0.1:{worker}"]
    forwards += ["-R", f"127.0.0.1:{dispatcher}:127.0.0.1:{dispatcher}"]
    options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"]
    options += ["-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes"]
    client = subprocess.Popen(
        ["ssh", "-N", "-F", "none", "-i", str(host.key_file), *options, *forwards,
         f"ubuntu@{host.addresses.public}"],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        client.kill()
        client.wait()


def _worker(
    place: Path, host: PlainHost, name: str, ports: tuple[int, int], python: Path
) -> Worker:
    folder = place / name
    folder.mkdir()
    os.chown(folder, WORKER_ACCOUNT, WORKER_ACCOUNT)
    scheduler, port = ports
    settings = WorkerSettings(
        name=name,
        scheduler=scheduler,
        port=port,
        slots=SLOTS,
        folder=folder / "work",
        tls=tls_files(folder / "keys"),
        environments={"light": WorkerEnvironment(python=python, identity="light-1")},
    )
    file = folder / "settings.json"
    file.write_text(settings.model_dump_json())
    network = ("nsenter", f"--net=/proc/{host.machine.process_id}/ns/net")
    return Worker(name, file, port, network)


def _exchange_keys(place: Path, names: list[str]) -> None:
    """Each has a key of its own; workers believe the dispatcher only."""
    dispatcher = ensure_key(place / "dispatcher" / "keys", "dispatcher", NOW)
    found = [dispatcher]
    for name in names:
        folder = place / name / "keys"
        found.append(ensure_key(folder, name, NOW))
        believe(folder, [dispatcher])
        for path in (folder, *folder.iterdir()):
            os.chown(path, WORKER_ACCOUNT, WORKER_ACCOUNT)
    believe(place / "dispatcher" / "keys", found)


@pytest.fixture(scope="module")
def make_hosts(nlp_python: Path) -> Iterator[Callable[[int], GradingHosts]]:
    """Makes a dispatcher and this many worker hosts, whose workers wait to be started."""
    with ExitStack() as opened:

        def make(count: int) -> GradingHosts:
            place = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="gh")))
            place.chmod(0o755)
            (place / "dispatcher" / "run").mkdir(parents=True)
            # Booting takes a while: ports that are free now are taken soon.
            hosts = opened.enter_context(namespace_hosts(count, prefix="gpu"))
            own, *theirs = free_ports(1 + count)
            settings = DispatcherSettings(
                port=own,
                socket=place / "dispatcher" / "run" / "ask",
                tls=tls_files(place / "dispatcher" / "keys"),
                patience_seconds=2,
            )
            workers = {}
            for number, (host, port) in enumerate(zip(hosts, theirs, strict=True), start=1):
                name = f"gpu-{number:02}"
                ports = (settings.port, port)
                workers[name] = _worker(place, host, name, ports, nlp_python)
                opened.enter_context(link(host, settings.port, port, place / name / "k"))
            _exchange_keys(place, list(workers))
            made = GradingHosts(place, workers, settings)
            made.start_dispatcher()
            opened.callback(_end, made)
            return made

        yield make


def _end(made: GradingHosts) -> None:
    made.end_dispatcher()
    for worker in made.workers.values():
        for process in worker.processes:
            process.kill()
            process.wait()
        shutil.rmtree(worker.settings.parent / "work", ignore_errors=True)
