"""One host made of namespaces: own root, processes, host name and network; shared kernel.

Stand-ins for what a container can't have: an init (guest/init.py), systemctl for a few verbs,
cloud-init for the user-data that the product writes, nvidia-smi on hosts that ask for a GPU.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import traceback
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.cloud.machines.commands import run
from tests.cloud.machines.network import Network
from tests.cloud.machines.root_files import GUEST
from tests.cloud.machines.user_data import FirstBoot
from tests.cloud.machines_protocol import Addresses, MachineState, OpenPort

REBOOT = 10


@dataclass(frozen=True)
class HostWish:
    """A host as it shall be; `disk_mb` limits its disk (in memory), None takes what is there."""

    #: Of its folder, and its host name unless that is given or the user-data names it.
    name: str
    first_boot: FirstBoot
    authorized_keys: tuple[str, ...] = ()
    disk_mb: int | None = None
    #: Path below / -> (content, mode): files that the image of this host has besides.
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    hostname: str = ""


class NamespaceHost:
    """Off when it is made. Its folder holds the disk, the console and the pid."""

    def __init__(self, wish: HostWish, network: Network, layers: tuple[Path, ...]) -> None:
        self.wish = wish
        self.network = network
        #: The public one is there while it is on.
        self.addresses = Addresses("", network.take_private())
        self._layers = layers
        self._folder = network.folder / wish.name
        self._process: subprocess.Popen[bytes] | None = None
        self._powered = False
        self._state: MachineState = "off"
        self._changed = threading.Condition()
        self._make_disk()

    @property
    def state(self) -> MachineState:
        return self._state

    @property
    def process_id(self) -> int:
        """The process whose namespaces are the host's: its `unshare`."""
        if self._process is None:
            raise RuntimeError(f"{self.wish.name} is off")
        return self._process.pid

    @property
    def interface(self) -> str:
        """Our end of its cable."""
        return self.network.interface(self.addresses.private)

    @property
    def host_key(self) -> str:
        """The present line of its own ed25519 key, "ssh-ed25519 AAAA..."."""
        file = self._folder / "disk/upper/etc/ssh/ssh_host_ed25519_key.pub"
        return " ".join(file.read_text().split()[:2])

    def power_on(self) -> Addresses:
        """Begin to boot, with a new public address; answers at once."""
        if self._state != "off":
            raise RuntimeError(f"{self.wish.name} is on")
        self.addresses = Addresses(self.network.take_public(), self.addresses.private)
        self._state, self._powered = "booting", True
        threading.Thread(target=self._run, daemon=True).start()
        return self.addresses

    def wait(self, state: MachineState, *, seconds: float) -> None:
        """Raises: TimeoutError with the end of the console, at once when it crashed."""
        reached = (state, "off")
        with self._changed:
            self._changed.wait_for(lambda: self._state in reached, seconds)
            if self._state != state:
                raise TimeoutError(
                    f"{self.wish.name} is {self._state} and not {state} after {seconds} s:\n"
                    f"{self.console()[-3000:]}"
                )

    def cut_power(self) -> None:
        """End every process at once, as when the plug is pulled; returns when it is off."""
        with self._changed:
            self._powered = False
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
            if not self._changed.wait_for(lambda: self._state == "off", 30):
                raise TimeoutError(f"{self.wish.name} has no power and is {self._state}")

    def power_off(self) -> None:
        """An orderly shutdown: connections are closed."""
        self._press(signal.SIGUSR2)
        self.wait("off", seconds=30)

    def reboot(self) -> None:
        """Begin an orderly restart, at the same addresses."""
        self._set("booting")
        self._press(signal.SIGINT)

    def inside(self, command: str, *, seconds: float = 30) -> str:
        """Standard output of a shell command that root runs in the host, without SSH.

        Raises: RuntimeError when the command fails.
        """
        enter = ("nsenter", f"--target={self._init}", "--all", "--root", "--wd")
        return run(*enter, "/bin/sh", "-c", command, seconds=seconds)

    def open_ports(self, ports: tuple[OpenPort, ...]) -> None:
        """Its security groups: from now on new connections come in by these rules alone."""
        self.network.firewall.change(self.interface, open_ports=ports)

    def console(self) -> str:
        try:
            return (self._folder / "console").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def throw_away(self) -> None:
        """Off for good, with its disk."""
        self.cut_power()
        if self.wish.disk_mb is not None:
            run("umount", str(self._folder / "disk"))
        self.network.firewall.forget(self.interface)
        self.network.give_back(self.addresses.private)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _init(self) -> int:
        """Our number of the host's process 1, the only child of its `unshare`."""
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children")
        return int(children.read_text())

    def _press(self, button: signal.Signals) -> None:
        os.kill(self._init, button)

    def _make_disk(self) -> None:
        disk = self._folder / "disk"
        disk.mkdir(parents=True)
        self._folder.chmod(0o755)
        if self.wish.disk_mb is not None:
            size = f"size={self.wish.disk_mb}m,mode=755"
            run("mount", "-t", "tmpfs", "-o", size, "disk", str(disk))
        for name in ("upper", "work", "root"):
            (disk / name).mkdir(mode=0o755)
        self._put("etc/machine-id", f"{uuid.uuid4().hex}\n".encode(), 0o444)
        for path, (content, mode) in self.wish.files.items():
            self._put(path, content, mode)

    def _put(self, path: str, content: bytes, mode: int) -> None:
        """Write a file to the disk of a host that is off."""
        target = self._folder / "disk/upper" / path
        for folder in reversed(target.relative_to(self._folder).parents):
            if not (self._folder / folder).exists():
                (self._folder / folder).mkdir(mode=0o755)
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT, mode), "wb") as file:
            file.write(content)
        target.chmod(mode)

    def _prepare_boot(self) -> None:
        plan = asdict(self.wish.first_boot)
        name = self.wish.first_boot.hostname or self.wish.hostname or self.wish.name
        plan["hostname"] = name
        plan["addresses"] = self.network.with_prefixes(self.addresses)
        plan["authorized_keys"] = [*self.wish.authorized_keys, *plan["authorized_keys"]]
        self._put("var/lib/cloud/instance/boot.json", json.dumps(plan).encode(), 0o600)
        self._put("etc/hostname", f"{name}\n".encode(), 0o644)
        self._put("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n".encode(), 0o644)
        self._put("etc/machine-boot-id", f"{uuid.uuid4()}\n".encode(), 0o444)

    def _run(self) -> None:
        """One power-on to power-off, with all reboots in between."""
        status = REBOOT
        try:
            while status == REBOOT and self._powered:
                self._set("booting")
                self._prepare_boot()
                status = self._one_boot()
            self.network.unplug(self.addresses.private)
        except Exception:
            with (self._folder / "console").open("a") as console:
                console.write(f"The host could not be started:\n{traceback.format_exc()}")
        finally:
            self.network.give_back(self.addresses.public)
            self._set("off")

    def _one_boot(self) -> int:
        process = self._start()
        assert process.stdin
        assert process.stdout
        with process.stdin, process.stdout:
            for event in process.stdout:
                match event:
                    case b"entered\n":
                        self.network.plug_in(self.addresses, process.pid)
                        process.stdin.write(b"plugged\n")
                        process.stdin.flush()
                    case b"up\n":
                        self._set("up")
            return process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        """The host's `unshare`. The host ends when the other end of its input is closed."""
        lower = ":".join(str(layer) for layer in self._layers)
        namespaces = ("--net", "--mount", "--uts", "--pid", "--ipc", "--fork", "--kill-child")
        enter = ("sh", str(GUEST / "enter.sh"), str(self._folder / "disk"), lower)
        with self._changed, (self._folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                ["unshare", *namespaces, *enter],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
            )
            if not self._powered:
                self._process.kill()
            (self._folder / "pid").write_text(str(self._process.pid))
            return self._process

    def _set(self, state: MachineState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()
