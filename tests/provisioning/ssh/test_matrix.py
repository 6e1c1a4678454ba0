"""The SSH matrix: whatever a host or the network does, a call ends by its deadline and names it.

The hosts are network namespaces with an sshd, a firewall and a disk of their own. A run
without xdist ends with the table.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioning.errors import WorkshopError
from provisioning.fleet import Address
from provisioning.ssh.connection import MOST_SESSIONS, Connection, connect
from provisioning.ssh.errors import (
    ConnectionLost,
    DeadlinePassed,
    HostKeyChanged,
    RemoteDiskFull,
    TooManySessions,
    Unreachable,
)
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each
from provisioning.ssh.talk import Talk
from provisioning.ssh.waiting import wait_until_answers
from tests.cloud.machines import trouble
from tests.cloud.machines.namespace_host import NamespaceHost
from tests.cloud.machines.yard import PlainHost, Yard, namespace_hosts
from tests.provisioning.ssh.conftest import MATRIX, Row, Sshd, start_sshd, stop_sshd
from tests.provisioning.ssh.stalling_proxy import StallingProxy

#: Between a deadline and the error: closing takes half a second at most, the rest is for a
#: computer that runs other tests as well.
SLACK = 1.5

Expect = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    with Yard() as yard:
        yield yard


@pytest.fixture(scope="module")
def host(yard: Yard) -> Iterator[PlainHost]:
    """For troubles that can be healed."""
    with namespace_hosts(1, yard=yard, prefix="healed") as (host,):
        yield host


@pytest.fixture
def machine(host: PlainHost) -> Iterator[NamespaceHost]:
    """The host's machine, well again afterwards."""
    yield host.machine
    trouble.heal(host.machine)
    trouble.thaw_sshd(host.machine)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "archive"
    path.write_bytes(os.urandom(2**20) * 24)
    return path


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Expect:
    """The block ends by its deadline, with this error or with none, and is a row of the table."""

    @contextmanager
    def expecting(
        case: str, error: type[WorkshopError] | None, *, deadline: float
    ) -> Iterator[None]:
        began = time.monotonic()
        met: WorkshopError | None = None
        try:
            yield
        except WorkshopError as raised:
            met = raised
        seconds = time.monotonic() - began
        row = Row(case, type(met).__name__ if met else "ok", seconds, deadline)
        request.config.stash.setdefault(MATRIX, []).append(row)
        assert isinstance(met, error or type(None)), met
        assert met is None or met.next_step
        assert seconds < deadline + SLACK

    return expecting


def login(host: PlainHost) -> Login:
    return Login(Address(host.addresses.public), host.key_file, (host.host_key,))


def after(done: float, trouble: Callable[[], object]) -> Callable[[int, int], None]:
    """A `progress` that makes trouble once, when this share has been sent."""
    made: list[bool] = []

    def watch(sent: int, total: int) -> None:
        if sent >= done * total and not made:
            made.append(True)
            trouble()

    return watch


def run_into(trouble: Callable[[], object], connection: Connection, *, seconds: float) -> None:
    """Wait for a long command; the trouble comes while it runs, and is there when this ends."""
    with connection.talk("echo up; sleep 60", seconds=seconds) as talk:
        assert talk.read_line() == b"up"
        coming = threading.Timer(0.4, trouble)
        coming.start()
        try:
            talk.finish()
        finally:
            coming.join()


@contextmanager
def taken(connection: Connection, sessions: int) -> Iterator[list[Talk]]:
    """So many sessions of the connection are in use, as long as the block lasts."""
    with ExitStack() as open_ones:
        commands = [connection.talk("echo up; cat", seconds=60) for _ in range(sessions)]
        talks = [open_ones.enter_context(command) for command in commands]
        assert [talk.read_line() for talk in talks] == [b"up"] * sessions
        yield talks


def test_packets_dropped_at_connect(
    host: PlainHost, machine: NamespaceHost, expect: Expect
) -> None:
    trouble.drop(machine)
    with expect("packets dropped, at connect", Unreachable, deadline=1):
        connect(login(host), seconds=1)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.8])
@pytest.mark.parametrize("then", ["stall", "close"])
def test_silence_in_every_phase_of_the_login(
    sshd: Sshd, expect: Expect, share: float, then: str
) -> None:
    """Banner, key exchange and login: after this share of what the server says, nothing.

    Its last eighth comes after the login: sshd tells its host keys then.
    """
    with StallingProxy(sshd.login.address) as proxy:
        connect(through(sshd.login, proxy), seconds=10).close()
        most = int(proxy.passed * share)
    what = "silent" if then == "stall" else "closed"
    with (
        StallingProxy(sshd.login.address, most=most, then=then) as proxy,
        expect(f"{what} after {share:.0%} of the login", WorkshopError, deadline=0.7),
    ):
        connect(through(sshd.login, proxy), seconds=0.7)


def through(login: Login, proxy: StallingProxy) -> Login:
    return replace(login, address=replace(login.address, port=proxy.port))


def test_packets_dropped_during_a_command(
    host: PlainHost, machine: NamespaceHost, expect: Expect
) -> None:
    with connect(login(host), seconds=10) as connection:
        with expect("packets dropped, during a command", DeadlinePassed, deadline=2.5):
            run_into(lambda: trouble.drop(machine), connection, seconds=2.5)
        with expect("packets dropped, next command", DeadlinePassed, deadline=0.7):
            connection.run("true", seconds=0.7)


def test_packets_dropped_are_noticed_long_before_a_far_deadline(
    host: PlainHost, machine: NamespaceHost, expect: Expect
) -> None:
    with connect(login(host), seconds=10, dead_after=2) as connection:
        began = time.monotonic()
        with expect("packets dropped, far deadline", ConnectionLost, deadline=60):
            run_into(lambda: trouble.drop(machine), connection, seconds=60)
        assert time.monotonic() - began < 8


def test_packets_dropped_during_an_upload(
    host: PlainHost, machine: NamespaceHost, archive: Path, expect: Expect
) -> None:
    with connect(login(host), seconds=10) as connection:
        watch = after(0.4, lambda: trouble.drop(machine))
        with expect("packets dropped, during an upload", DeadlinePassed, deadline=2.5):
            connection.put(archive, "/opt/workshop/archive", seconds=2.5, progress=watch)
    trouble.heal(machine)
    seen: list[int] = []
    with (
        expect("half an upload, resumed", None, deadline=20),
        connect(login(host), seconds=10) as connection,
    ):
        connection.put(
            archive, "/opt/workshop/archive", seconds=20, progress=lambda n, _: seen.append(n)
        )
    assert seen[0] > 0.1 * archive.stat().st_size
    sums = machine.inside("sha256sum /opt/workshop/archive; ls -A /opt/workshop")
    assert ".part" not in sums


def test_stopped_sshd(
    host: PlainHost, machine: NamespaceHost, archive: Path, expect: Expect
) -> None:
    with connect(login(host), seconds=10) as idle, connect(login(host), seconds=10) as sending:
        for connection in (idle, sending):  # so that all processes of sshd are there
            connection.run("true", seconds=10)
        trouble.freeze_sshd(machine)
        with expect("stopped sshd, at connect", Unreachable, deadline=1):
            connect(login(host), seconds=1)
        with expect("stopped sshd, command", DeadlinePassed, deadline=1):
            idle.run("true", seconds=1)
        trouble.thaw_sshd(machine)
        with expect("sshd goes on, same connection", None, deadline=5):
            idle.run("true", seconds=5)
        watch = after(0.4, lambda: trouble.freeze_sshd(machine))
        with expect("stopped sshd, during an upload", DeadlinePassed, deadline=2.5):
            sending.put(archive, "/opt/workshop/another", seconds=2.5, progress=watch)


def test_no_sshd(host: PlainHost, machine: NamespaceHost, expect: Expect) -> None:
    trouble.stop_sshd(machine)
    with expect("no sshd", Unreachable, deadline=2):
        connect(login(host), seconds=2)
    trouble.start_sshd(machine)
    with expect("sshd is back", None, deadline=10):
        wait_until_answers(login(host), seconds=10).close()


def test_stopped_sshd_between_session_and_command(
    sshd: Sshd, expect: Expect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paramiko waits there without a limit; other commands of the connection are unharmed."""
    server = sshd
    with (
        connect(server.login, seconds=10) as connection,
        connection.talk("echo up; sleep 1; echo done", seconds=10) as other,
    ):
        assert other.read_line() == b"up"
        start = connection._start

        def freeze_first(*arguments: Any) -> None:
            server.freeze()
            threading.Timer(1, server.thaw).start()
            start(*arguments)

        monkeypatch.setattr(connection, "_start", freeze_first)
        with expect("stopped sshd, session open, no command", DeadlinePassed, deadline=0.5):
            connection.run("true", seconds=0.5)
        assert other.finish().stdout == b"done\n"


def test_killed_session(host: PlainHost, machine: NamespaceHost, expect: Expect) -> None:
    with (
        connect(login(host), seconds=10) as connection,
        expect("killed session, during a command", ConnectionLost, deadline=5),
    ):
        run_into(lambda: trouble.end_sessions(machine), connection, seconds=5)


def test_killed_host(yard: Yard, expect: Expect) -> None:
    with (
        namespace_hosts(1, yard=yard, prefix="killed") as (host,),
        connect(login(host), seconds=10, dead_after=2) as connection,
    ):
        connection.start_job("build", "sleep 600")
        with expect("killed host, during a command", ConnectionLost, deadline=20):
            run_into(lambda: trouble.kill(host.machine), connection, seconds=20)
        with expect("killed host, at connect", Unreachable, deadline=1):
            connect(login(host), seconds=1)
        host.machine.power_on()
        again = replace(host, addresses=host.machine.addresses)
        with (
            expect("killed host, power is back", None, deadline=20),
            wait_until_answers(login(again), seconds=20) as revived,
        ):
            job = revived.job("build")
    assert job is not None
    assert job.state == "lost"


def test_changed_host_key(yard: Yard, expect: Expect) -> None:
    with namespace_hosts(1, yard=yard, prefix="changed") as (host,):
        trouble.change_host_key(host.machine)
        with expect("changed host key", HostKeyChanged, deadline=5):
            wait_until_answers(login(host), seconds=5)


def test_five_megabytes_on_stderr(host: PlainHost, expect: Expect) -> None:
    command = "head -c 5000000 /dev/zero | tr '\\0' x >&2; exit 9"
    with (
        connect(login(host), seconds=10) as connection,
        expect("5 MB on stderr", None, deadline=10),
    ):
        done = connection.run(command, seconds=10, check=False)
    assert done.status == 9
    assert len(done.stderr) + done.cut > 5_000_000 > len(done.stderr)


def test_the_eleventh_channel(host: PlainHost, expect: Expect) -> None:
    with (
        connect(login(host), seconds=10) as connection,
        taken(connection, MOST_SESSIONS - 1) as talks,
        ThreadPoolExecutor(1) as pool,
    ):
        with expect("11th channel waits for its turn", None, deadline=10):
            with taken(connection, 1):
                eleventh = pool.submit(connection.run, "true", seconds=10)
                with pytest.raises(TimeoutError):
                    eleventh.result(timeout=0.5)
            assert eleventh.result().status == 0
        assert [talk.finish().status for talk in talks] == [0] * len(talks)


def test_the_eleventh_channel_has_a_deadline_too(host: PlainHost, expect: Expect) -> None:
    with (
        connect(login(host), seconds=10) as connection,
        taken(connection, MOST_SESSIONS),
        expect("11th channel, short deadline", DeadlinePassed, deadline=0.4),
    ):
        connection.run("true", seconds=0.4)


def test_fewer_sessions_than_usual(tmp_path: Path, expect: Expect) -> None:
    server = start_sshd(tmp_path, settings="MaxSessions 1\n")
    try:
        with connect(server.login, seconds=10) as connection, ThreadPoolExecutor(1) as pool:
            with taken(connection, 1):
                # Its last try begins at 2.75 s, and has its answer in time.
                with expect("MaxSessions 1, second channel", TooManySessions, deadline=3.2):
                    connection.run("true", seconds=3.2)
                patient = pool.submit(connection.run, "true", seconds=10)
                with pytest.raises(TimeoutError):
                    patient.result(timeout=0.5)
            with expect("MaxSessions 1, with patience", None, deadline=10):
                patient.result()
    finally:
        stop_sshd(server)


def test_full_disk(yard: Yard, archive: Path, expect: Expect) -> None:
    with (
        namespace_hosts(1, yard=yard, prefix="full", disk_mb=64) as (host,),
        connect(login(host), seconds=10) as connection,
    ):
        machine = host.machine
        # Not `fallocate` of what is free: that changes while we write.
        fill = "cat /dev/zero >/var/tmp/filler 2>/dev/null || true"
        watch = after(0.3, lambda: machine.inside(fill))
        with expect("disk fills up during an upload", RemoteDiskFull, deadline=10):
            connection.put(archive, "/opt/workshop/archive", seconds=10, progress=watch)
        assert machine.inside("ls -A /opt/workshop") == ""
        with expect("full disk, upload", RemoteDiskFull, deadline=10):
            connection.put(archive, "/opt/workshop/archive", seconds=10)
        trouble.empty_disk(machine)
        trouble.fill_disk(machine)
        with expect("full disk, small file", RemoteDiskFull, deadline=10):
            connection.put_bytes(b"x" * 100_000, "/opt/workshop/note", seconds=10)
        with expect("full disk, job", RemoteDiskFull, deadline=10):
            connection.start_job("build", "true")
        assert machine.inside("find /opt/workshop -type f -size +0 | wc -l").strip() == "0"


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When `on_each` gave up a host that said nothing, for each of them."""
    moments: list[float] = []

    def noting(login: Login, *, seconds: float) -> Connection:
        try:
            return connect(login, seconds=seconds)
        except Unreachable as error:
            if error.why != "connection refused":
                moments.append(time.monotonic())
            raise

    monkeypatch.setattr("provisioning.ssh.pool.connect", noting)
    return moments


def test_fifty_hosts_with_five_bad_ones(
    yard: Yard, expect: Expect, request: pytest.FixtureRequest, given_up: list[float]
) -> None:
    with namespace_hosts(50, yard=yard, prefix="gpu") as hosts:
        logins = {host.machine.wish.name: login(host) for host in hosts}
        bad = dict(zip(("drop", "frozen", "stopped", "changed", "killed"), hosts, strict=False))
        trouble.drop(bad["drop"].machine)
        trouble.freeze_sshd(bad["frozen"].machine)
        trouble.stop_sshd(bad["stopped"].machine)
        trouble.change_host_key(bad["changed"].machine)
        trouble.kill(bad["killed"].machine)
        done: list[float] = []
        began = time.monotonic()

        def act(name: str, connection: Connection) -> str:
            said = connection.run("hostname", seconds=30).stdout.decode().strip()
            done.append(time.monotonic())
            return said

        with expect("50 hosts with 5 bad ones, all", None, deadline=8):
            found = on_each(logins, act, seconds=8)
        # None of them waited for a silent one, or it would be done after that was given up.
        last, first = max(done) - began, min([began + 6.5, *given_up]) - began
        row = Row("... and the last of the 45 good ones", "ok", last, first)
        request.config.stash[MATRIX].append(row)
        assert row.seconds < row.deadline
    names = {kind: host.machine.wish.name for kind, host in bad.items()}
    errors = {kind: found.pop(name) for kind, name in names.items()}
    assert isinstance(errors["stopped"], Unreachable)
    assert isinstance(errors["changed"], HostKeyChanged)
    for silent in ("drop", "frozen", "killed"):
        assert isinstance(errors[silent], Unreachable | DeadlinePassed)
    assert found == {name: name for name in found}
    assert len(found) == 45
