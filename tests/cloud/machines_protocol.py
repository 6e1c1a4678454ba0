"""What the cloud of the tests asks of the machines behind its instances.

`Cloud(machines=...)` calls these methods from the threads that serve API calls, several at
once but never two at once for one instance. None of them waits until a machine is ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

#: `booting`: power is on. `up`: it passed its status checks (an init runs and sshd answers).
#: `off`: it has no power, because somebody stopped it or because it powered itself off.
MachineState = Literal["booting", "up", "off"]


@dataclass(frozen=True)
class Gpu:
    """One GPU that the instance type promises."""

    name: str
    memory_mb: int


@dataclass(frozen=True)
class MachineWish:
    """What RunInstances asked for, as far as a machine can tell."""

    instance_id: str
    instance_type: str
    architecture: Literal["x86_64", "arm64"]
    #: ip-10-0-0-1 or so: what AWS would call the machine before user-data names it.
    hostname: str
    #: Decoded: the very bytes that the caller meant, empty when there were none.
    user_data: bytes
    #: OpenSSH lines for the account `ubuntu`: the key pair's, or none.
    authorized_keys: tuple[str, ...]
    gpus: tuple[Gpu, ...]
    #: Size of the root volume in GiB.
    disk_gb: int
    #: Tags of the instance at launch, such as workshop:host.
    tags: dict[str, str]


@dataclass(frozen=True)
class Addresses:
    """IPv4 addresses where port 22 answers SSH as soon as the machine is up.

    This machine reaches the public one; the other machines reach both.
    """

    public: str
    private: str


@dataclass(frozen=True)
class OpenPort:
    """One rule that lets packets in: TCP ports `first` to `last` from `source` (a CIDR)."""

    first: int
    last: int
    source: str


class Machines(Protocol):
    """Machines named by the id of their instance."""

    def boot(self, wish: MachineWish) -> Addresses:
        """Begin to start a new machine; answer as soon as its addresses are known.

        Raises: any exception when it can't; the instance is then terminated.
        """

    def state(self, instance_id: str) -> MachineState:
        """How it is now, in a millisecond or two: Describe calls ask, a few times a second.

        `off` without a stop means that it powered itself off (or crashed): the cloud then
        applies the instance-initiated shutdown behaviour, terminate or stop.
        """

    def stop(self, instance_id: str) -> None:
        """Power off and keep the disk. Nothing to do when it is off."""

    def start(self, instance_id: str) -> Addresses:
        """Begin to start a stopped machine, its disk as it was: another public address."""

    def reboot(self, instance_id: str) -> None:
        """Begin to restart it, same disk, same addresses."""

    def terminate(self, instance_id: str) -> None:
        """End the machine for good, with its disk. Nothing to do when it is unknown."""

    def console(self, instance_id: str) -> str:
        """What it wrote to its console so far; empty when it is unknown."""

    def open_ports(self, instance_id: str, ports: tuple[OpenPort, ...]) -> None:
        """From now on packets come in by these rules only (stateful). May do nothing."""

    def close(self) -> None:
        """End every machine and take away everything that was made for them."""
