"""What a workshop could leave on a machine, looked for at the machine itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from provisioning.limits import groups
from tests.e2e.running import RunningWorkshop

#: Folders that everybody may write to, and those where accounts leave things.
PLACES = ("/tmp", "/var/tmp", "/run", "/dev/shm", "/home", "/var/mail", "/var/spool")
ACCOUNT_FILES = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
CHECKOUT = Path(__file__).parents[2]
_LISTENING = "0A"


@dataclass(frozen=True)
class PrivateMachine:
    """This machine with empty PLACES of its own, so that whatever appears there is ours.

    Everything else is shared: accounts, the network, cgroups, the state folder.
    """

    holder: int

    def inside(self, *command: str) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self.holder}/ns/mnt", *command]

    def listing(self) -> set[str]:
        """Everything in PLACES with its owner, up to where the state folder begins."""
        command = self.inside("find", *PLACES, "-xdev", "-printf", r"%p %U\0")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return set(done.stdout.split("\0"))


@contextmanager
def private_machine(state_root: Path) -> Iterator[PrivateMachine]:
    # This checkout may lie in one of PLACES, and the commands run from it.
    kept = {"/mnt/state": state_root, "/mnt/checkout": CHECKOUT}
    steps = ["mount -t tmpfs none /mnt"]
    for aside, folder in kept.items():
        steps += [f"mkdir {aside}", f"mount --bind {folder} {aside}"]
    steps += [f"mount -t tmpfs -o mode=1777 none {place}" for place in PLACES]
    for aside, folder in kept.items():
        steps += [f"mkdir -p {folder}", f"mount --move {aside} {folder}"]
    steps.append("umount /mnt")
    script = " && ".join([*steps, "echo ready", "exec sleep infinity"])
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            yield PrivateMachine(holder.pid)
        finally:
            holder.kill()


@dataclass
class PrivateWorkshop(RunningWorkshop):
    """A workshop whose every command runs on the private machine, with a home there."""

    machine: PrivateMachine = field(kw_only=True)

    def command(self, *arguments: str) -> list[str]:
        home = ("env", "HOME=/home")
        return self.machine.inside(*home, *super().command(*arguments))


@dataclass(frozen=True)
class Traces:
    """What a running workshop has outside of its state folder."""

    workshop: str
    state_home: Path
    uids: frozenset[int]
    ports: frozenset[int]

    @classmethod
    def of(cls, workshop: RunningWorkshop) -> Traces:
        ports = workshop.settings.ports.model_dump().values()
        comment = f":workshop {workshop.paths.workshop}:"
        lines = Path("/etc/passwd").read_text().splitlines()
        uids = frozenset(int(line.split(":")[2]) for line in lines if comment in line)
        return cls(workshop.paths.workshop, workshop.paths.home, uids, frozenset(ports))

    def left(self, usernames: Sequence[str]) -> dict[str, list[str]]:
        """By kind, what is there now."""
        found = {
            "processes": [*self._processes()],
            "listening": [*self._listening()],
            "accounts": [*self._account_lines(usernames)],
            "cgroups": [*self._cgroups()],
            "shared memory": [*self._shared_memory()],
        }
        return {kind: things for kind, things in found.items() if things}

    def _processes(self) -> Iterator[str]:
        mark = f"WORKSHOP_STATE_HOME={self.state_home}".encode()
        for process in psutil.process_iter():
            folder = Path("/proc", str(process.pid))
            try:
                marked = mark in (folder / "environ").read_bytes().split(b"\0")
                owned = bool(self.uids & set(process.uids()))
                names_it = any(str(self.state_home) in word for word in process.cmdline())
            except (psutil.Error, OSError):
                continue
            if marked or owned or names_it:
                yield f"{process.pid} {process.name()}"

    def _listening(self) -> Iterator[str]:
        for table in ("tcp", "tcp6"):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                port, uid = int(fields[1].rpartition(":")[2], 16), int(fields[7])
                if fields[3] == _LISTENING and (port in self.ports or uid in self.uids):
                    yield f"port {port} of {uid}"

    def _account_lines(self, usernames: Sequence[str]) -> Iterator[str]:
        names = {f"ws-{name}" for name in usernames}
        names |= {f"ws-_s-{self.workshop}", f"ws-_g-{self.workshop}"}
        numbers = {str(uid) for uid in self.uids}
        for file in ACCOUNT_FILES:
            path = Path("/etc", file)
            for line in path.read_text().splitlines() if path.exists() else ():
                if line.split(":")[0] in names | numbers or f":workshop {self.workshop}:" in line:
                    yield f"{path}: {line.split(':')[0]}"

    def _cgroups(self) -> Iterator[str]:
        # os.walk passes over groups of others that go meanwhile; Path.glob doesn't.
        name = f"workshop-{self.workshop}"
        for kind in ("cgroup", "cgroup2"):
            for mount, _ in groups.mounts(kind):
                yield from (f"{at}/{name}" for at, below, _ in os.walk(mount) if name in below)

    def _shared_memory(self) -> Iterator[str]:
        for table in ("shm", "sem", "msg"):
            lines = Path("/proc/sysvipc", table).read_text().splitlines()
            names = lines[0].split()
            for line in lines[1:]:
                row = dict(zip(names, line.split(), strict=False))
                if {int(row["uid"]), int(row["cuid"])} & self.uids:
                    yield f"{table} {row}"
