"""One host made of namespaces: own root, processes, host name and network; shared kernel.

Stand-ins for what a container can't have: an init (guest/init.py), systemctl for a few verbs,
cloud-init for the user-data that the product writes, nvidia-smi on hosts that ask for a GPU.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.cloud.machines.commands import run
from tests.cloud.machines.machine import Machine
from tests.cloud.machines.network import Network
from tests.cloud.machines.stand_ins import ENTER
from tests.cloud.machines.user_data import FirstBoot


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
    #: Folders that lie over the system of this host, besides those of all hosts.
    image: tuple[Path, ...] = ()


class NamespaceHost(Machine):
    """Its process is `unshare`, which has its namespaces of mounts and network."""

    def __init__(self, wish: HostWish, network: Network, layers: tuple[Path, ...]) -> None:
        super().__init__(wish.name, network)
        self.wish = wish
        self._layers = (*wish.image, *layers)
        self._disk = self.folder / "disk"
        self._make_disk()

    @property
    def host_key(self) -> str:
        """The present line of its own ed25519 key, "ssh-ed25519 AAAA..."."""
        file = self._disk / "upper/etc/ssh/ssh_host_ed25519_key.pub"
        return " ".join(file.read_text().split()[:2])

    def power_off(self) -> None:
        os.kill(self._init, signal.SIGUSR2)
        self.wait("off", seconds=30)

    def reboot(self) -> None:
        self._set("booting")
        os.kill(self._init, signal.SIGINT)

    def inside(self, command: str, *, seconds: float = 30) -> str:
        """Standard output of a shell command that root runs in the host, without SSH.

        Raises: RuntimeError when the command fails.
        """
        enter = ("nsenter", f"--target={self._init}", "--all", "--root", "--wd")
        return run(*enter, "/bin/sh", "-c", command, seconds=seconds)

    @property
    def _init(self) -> int:
        """Our number of the host's process 1, the only child of its `unshare`."""
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children")
        return int(children.read_text())

    def _make_disk(self) -> None:
        self._disk.mkdir()
        if self.wish.disk_mb is not None:
            size = f"size={self.wish.disk_mb}m,mode=755"
            run("mount", "-t", "tmpfs", "-o", size, "disk", str(self._disk))
        for name in ("upper", "work", "root"):
            (self._disk / name).mkdir(mode=0o755)
        self._put("etc/machine-id", f"{uuid.uuid4().hex}\n".encode(), 0o444)
        for path, (content, mode) in self.wish.files.items():
            self._put(path, content, mode)

    def remount_disk(self, options: str) -> None:
        """Give a limited disk other options of tmpfs(5)."""
        run("mount", "-o", f"remount,{options}", str(self._disk))

    def _drop_disk(self) -> None:
        if self.wish.disk_mb is not None:
            run("umount", str(self._disk))
        super()._drop_disk()

    def _put(self, path: str, content: bytes, mode: int) -> None:
        """Write a file to the disk of a host that is off."""
        target = self._disk / "upper" / path
        for folder in reversed(target.relative_to(self._disk).parents):
            if not (self._disk / folder).exists():
                (self._disk / folder).mkdir(mode=0o755)
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

    def _command(self) -> list[str]:
        """The host's init ends when its standard input does."""
        lower = ":".join(str(layer) for layer in self._layers)
        namespaces = ("--net", "--mount", "--uts", "--pid", "--ipc", "--fork", "--kill-child")
        return ["unshare", *namespaces, "sh", str(ENTER), str(self._disk), lower]

    def _event(self, event: bytes, process: subprocess.Popen[bytes]) -> None:
        if event == b"entered" and process.stdin:
            self.network.plug_in(self.addresses, process.pid)
            process.stdin.write(b"plugged\n")
            process.stdin.flush()
