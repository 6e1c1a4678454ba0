"""A machine with a real kernel, systemd and cloud-init, under qemu's emulation (TCG).

Only its GPU is a stand-in, a program that says that there is one.

A boot takes about 40 s of processor time, so a test makes few of them and gives them time.
Its user-data comes on a NoCloud disk, as cloud-init documents; its addresses come on the
kernel's command line, because there is no DHCP here.
https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
"""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cloud.machines.commands import run
from tests.cloud.machines.hardware import hardware_files
from tests.cloud.machines.machine import REBOOT, Machine
from tests.cloud.machines.network import Network, mac_of
from tests.cloud.machines_protocol import MachineWish

#: Enough for a system without work.
MEMORY_MB = 640
#: Emulating a plain processor is a fifth cheaper than emulating the newest.
PROCESSOR = "qemu64,+rdrand,+rdseed"


@dataclass(frozen=True)
class Build:
    """What the machines of one test have in common. `image` is a folder of `qemu_disk`."""

    image: Path
    memory_mb: int


class QemuMachine(Machine):
    """Its process is qemu, which ends when the machine powers itself off."""

    def __init__(self, wish: MachineWish, network: Network, build: Build) -> None:
        super().__init__(wish.instance_id, network)
        self.wish = wish
        #: Start again when it is off.
        self._again = False
        self._image, self._memory_mb = build.image, build.memory_mb
        self._disk, self._seed = self.folder / "disk", self.folder / "seed.iso"
        run("cp", "--sparse=always", str(self._image / "disk"), str(self._disk), seconds=300)
        self._install_hardware()
        self._make_seed()

    def power_off(self) -> None:
        self._monitor("system_powerdown")
        try:
            self.wait("off", seconds=120)
        except TimeoutError:
            self.cut_power()  # as a cloud does with a machine that doesn't listen

    def reboot(self) -> None:
        self._set("booting")
        self._again = True
        self._monitor("system_powerdown")

    def _monitor(self, command: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as monitor:
            monitor.settimeout(30)
            monitor.connect(str(self.folder / "monitor"))
            _read_prompt(monitor)
            monitor.sendall(f"{command}\n".encode())
            _read_prompt(monitor)  # a command isn't done before the next prompt

    def _install_hardware(self) -> None:
        """Write the stand-ins for GPUs into the disk, without mounting it."""
        for path, (content, mode) in hardware_files("x86_64", self.wish.gpus).items():
            source = self.folder / "stand-in"
            source.write_bytes(content)
            commands = f"write {source} {path}\nset_inode_field {path} mode 0100{mode:o}\n"
            run("debugfs", "-w", "-f", "-", str(self._disk), stdin=commands)
            source.unlink()

    def _make_seed(self) -> None:
        folder = self.folder / "seed"
        folder.mkdir(mode=0o700)
        facts = {
            "instance-id": self.wish.instance_id,
            "local-hostname": self.wish.hostname,
            "public-keys": list(self.wish.authorized_keys),
        }
        (folder / "meta-data").write_text(yaml.safe_dump(facts))
        (folder / "user-data").write_bytes(self.wish.user_data or b"#cloud-config\n{}\n")
        files = (str(folder / "meta-data"), str(folder / "user-data"))
        run("genisoimage", "-quiet", "-joliet", "-rock", "-volid", "cidata",
            "-output", str(self._seed), *files)  # fmt: skip
        shutil.rmtree(folder)

    def _one_boot(self) -> int:
        status = super()._one_boot()
        again, self._again = self._again, False
        return REBOOT if again else status

    def _prepare_boot(self) -> None:
        self.network.unplug(self.addresses.private)
        self._tap = self.network.plug_in_tap(self.addresses)

    def _command(self) -> list[str]:
        # The kernel ends qemu when the thread that started it ends: that is the machine's own,
        # which waits for qemu, or goes with our process.
        return ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *self._options()]

    def _options(self) -> tuple[str, ...]:
        addresses = ",".join(self.network.with_prefixes(self.addresses))
        cable = f"tap,id=cable,ifname={self._tap},script=no,downscript=no"
        card = f"virtio-net-pci,netdev=cable,mac={mac_of(self.addresses.private)}"
        return (
            *("-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", PROCESSOR),
            *("-m", str(self._memory_mb), "-smp", "1", "-nodefaults", "-no-user-config"),
            *("-display", "none", "-device", "virtio-rng-pci"),
            *("-kernel", str(self._image / "vmlinuz"), "-initrd", str(self._image / "initrd")),
            "-append",
            "root=/dev/vda rw console=ttyS0 net.ifnames=0 edd=off quiet mitigations=off "
            f"addresses={addresses}",
            *("-drive", _drive(self._disk, "cache=unsafe")),
            *("-drive", _drive(self._seed, "readonly=on")),
            *("-netdev", cable, "-device", card),
            # The first serial line is the console, the second tells events.
            *("-chardev", f"file,id=console,path={self.folder / 'console'},append=on"),
            *("-serial", "chardev:console", "-serial", "stdio"),
            *("-monitor", f"unix:{self.folder / 'monitor'},server=on,wait=off"),
        )


def _read_prompt(monitor: socket.socket) -> None:
    said = b""
    while not said.endswith(b"(qemu) "):
        if not (more := monitor.recv(4096)):
            return  # it ended by this command
        said += more


def _drive(file: Path, more: str) -> str:
    return f"file={file},format=raw,if=virtio,{more}"
