"""A small network for the machines of one test process: a bridge, addresses, and a firewall.

Networks of several test processes are there at once, so each takes a number that nobody holds
and everything of it carries that number: interfaces, addresses, the nftables table, the folder.
The number is a locked file, free again when its process ends, in whatever way. The next network
that starts takes away what a killed one left.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from tests.cloud.machines.cached_build import CACHE
from tests.cloud.machines.commands import run
from tests.cloud.machines.firewall import Firewall
from tests.cloud.machines.links import narrow
from tests.cloud.machines_protocol import Addresses

LOCKS = Path("/run/workshop-tests")
FOLDERS = CACHE / "networks"
#: Reserved for tests of network devices (RFC 2544), so it's in nobody's way; 128 parts of /22.
RANGE = IPv4Network("198.18.0.0/15")
PREFIX = 22
NUMBERS = 1 << (PREFIX - RANGE.prefixlen)


class Network:
    """`folder` is for files of its machines; it goes when the network closes."""

    def __init__(self) -> None:
        self._lock, self.number = _take_number()
        self.name = f"ws{self.number}"
        self._halves = _halves(self.number)
        public, private = ([str(one) for one in half.hosts()] for half in self._halves)
        #: This computer, as its machines see it.
        self.controller = public.pop(0)
        self._public, self._private = deque(public), deque(private)
        self._changing = threading.Lock()
        self.firewall = Firewall(self.name)
        self.folder = FOLDERS / str(self.number)
        try:
            self.folder.mkdir(parents=True)
            self._make()
        except BaseException:
            self.close()
            raise

    def take_public(self) -> str:
        """The public address that was free for the longest time."""
        with self._changing:
            return self._public.popleft()

    def take_private(self) -> str:
        """The same of the addresses that only machines reach, not this computer."""
        with self._changing:
            return self._private.popleft()

    def give_back(self, *addresses: str) -> None:
        with self._changing:
            for address in addresses:
                public = IPv4Address(address) in self._halves[0]
                (self._public if public else self._private).append(address)

    def interface(self, private: str) -> str:
        """Our end of the cable of the machine with this private address (15 letters at most)."""
        return f"{self.name}h{int(IPv4Address(private)) - int(self._halves[1][0])}"

    def with_prefixes(self, addresses: Addresses) -> tuple[str, ...]:
        """Both addresses as `ip address add` wants them."""
        return tuple(
            f"{address}/{half.prefixlen}"
            for half, address in zip(
                self._halves, (addresses.public, addresses.private), strict=True
            )
        )

    def plug_in(self, addresses: Addresses, pid: int) -> None:
        """Give the network namespace of process `pid` an `eth0` on the bridge."""
        ours, mac = self.interface(addresses.private), mac_of(addresses.private)
        _delete_link(ours)  # of the boot before: it goes with its namespace, but not at once
        self._ip(
            f"link add {ours} type veth peer name eth0 address {mac} netns {pid}",
            f"link set {ours} addrgenmode none",
            f"link set {ours} master {self.name}b up",
            self._known(addresses),
        )

    def plug_in_tap(self, addresses: Addresses) -> str:
        """Make a tap on the bridge for a virtual machine; its network card needs `mac_of`."""
        ours = self.interface(addresses.private)
        run("ip", "tuntap", "add", ours, "mode", "tap")
        self._ip(
            f"link set {ours} addrgenmode none",
            f"link set {ours} master {self.name}b up",
            self._known(addresses),
        )
        return ours

    def unplug(self, private: str) -> None:
        """Take our end of a cable away, if it is still there."""
        _delete_link(self.interface(private))

    def narrow_controller(self, mbit: int) -> None:
        """Limit the link of this computer, which all of its machines share, both ways."""
        narrow(f"{self.name}u", mbit)
        narrow(f"{self.name}p", mbit)

    def close(self) -> None:
        try:
            _clear(self.number)
        finally:
            os.close(self._lock)

    def _known(self, addresses: Addresses) -> str:
        """Make packets to a machine that is gone vanish, instead of failing for want of ARP."""
        mac = mac_of(addresses.private)
        return f"neighbour replace {addresses.public} lladdr {mac} dev {self.name}u nud permanent"

    def _make(self) -> None:
        self._ip(
            f"link add {self.name}b type bridge forward_delay 0",
            f"link add {self.name}u type veth peer name {self.name}p",
            *(f"link set {self.name}{end} addrgenmode none" for end in "bup"),
            f"link set {self.name}p master {self.name}b up",
            # It has no address, and yet Linux would answer ARP for ours there, with a MAC that
            # changes with its ports: machines that kept the old one would be cut off for half
            # a minute.
            f"link set {self.name}b arp off up",
            f"link set {self.name}u up",
            f"address add {self.controller}/{self._halves[0].prefixlen} dev {self.name}u",
            f"route add unreachable {self._halves[1]}",
        )

    def _ip(self, *commands: str) -> None:
        run("ip", "-batch", "-", stdin="\n".join(commands) + "\n")


def _halves(number: int) -> tuple[IPv4Network, ...]:
    """The public and the private addresses of a network."""
    first = int(RANGE.network_address) + (number << (32 - PREFIX))
    return tuple(IPv4Network((first, PREFIX)).subnets())


def mac_of(address: str) -> str:
    """A locally administered hardware address that belongs to an IPv4 address."""
    return ":".join(f"{part:02x}" for part in (2, 0, *IPv4Address(address).packed))


def _take_number() -> tuple[int, int]:
    """Lock the first number that nobody holds, after clearing what killed owners left."""
    LOCKS.mkdir(mode=0o755, exist_ok=True)
    for number in range(NUMBERS):
        if (lock := _lock(number)) is not None:
            break
    else:
        raise RuntimeError(f"All {NUMBERS} networks of the tests are in use.")
    try:
        _clear(number)
        _clear_others()
    except BaseException:
        os.close(lock)
        raise
    return lock, number


def _clear_others() -> None:
    for number in [int(folder.name) for folder in FOLDERS.glob("*")]:
        if (lock := _lock(number)) is not None:
            try:
                _clear(number)
            finally:
                os.close(lock)


def _lock(number: int) -> int | None:
    """The open lock of a number; None when somebody holds it."""
    lock = os.open(LOCKS / f"network-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return lock


def _clear(number: int) -> None:
    """Take away everything that carries this number; its owner is us or dead."""
    folder = FOLDERS / str(number)
    for pid in _processes_in(folder):
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, 9)
    for link in _links():
        if re.match(rf"ws{number}[bhu]", link):
            _delete_link(link)
    _delete_route(_halves(number)[1])
    Firewall(f"ws{number}").remove()
    for mount in _mounts_in(folder):
        run("umount", mount)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # something was still writing
        shutil.rmtree(folder)


def _delete_route(addresses: IPv4Network) -> None:
    if run("ip", "route", "show", "exact", str(addresses)):
        run("ip", "route", "delete", "unreachable", str(addresses))


def _delete_link(name: str) -> None:
    try:
        if name in _links():
            run("ip", "link", "delete", name)
    except RuntimeError:
        if name in _links():  # else it went with its other end meanwhile
            raise


def _links() -> list[str]:
    """The links of the network that this process is in (/sys shows those of another one)."""
    return [name for _, name in socket.if_nameindex()]


def _processes_in(folder: Path) -> Iterator[int]:
    """Processes of ours whose command line names the folder: hosts and virtual machines."""
    for file in folder.glob("*/pid"):
        pid = int(file.read_text() or 0)
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it ended before or while we read
            continue
        if f"{folder}/".encode() in command:
            yield pid


def _mounts_in(folder: Path) -> list[str]:
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [place for place in reversed(places) if place.startswith(f"{folder}/")]
