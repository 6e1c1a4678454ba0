"""What all machines of the tests have: power, addresses, a console, a folder, a state."""

from __future__ import annotations

import shutil
import subprocess
import threading
import traceback
from abc import ABC, abstractmethod

from tests.cloud.machines.network import Network
from tests.cloud.machines_protocol import Addresses, MachineState, OpenPort

#: Exit status of a machine's process that means: start it again.
REBOOT = 10


class Machine(ABC):
    """Off when it is made. Its folder holds the disk, the console and the pid."""

    def __init__(self, name: str, network: Network) -> None:
        self.name = name
        self.network = network
        #: The public one is there while it is on.
        self.addresses = Addresses("", network.take_private())
        self.folder = network.folder / name
        self.folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self._powered = False
        self._state: MachineState = "off"
        self._changed = threading.Condition()

    @property
    def state(self) -> MachineState:
        return self._state

    @property
    def process_id(self) -> int:
        """The process that the machine lives and dies with."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is off")
        return self._process.pid

    @property
    def interface(self) -> str:
        """Our end of its cable."""
        return self.network.interface(self.addresses.private)

    def power_on(self) -> Addresses:
        """Begin to boot, with a new public address; answers at once."""
        if self._state != "off":
            raise RuntimeError(f"{self.name} is on")
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
                    f"{self.name} is {self._state} and not {state} after {seconds} s:\n"
                    f"{self.console()[-3000:]}"
                )

    def cut_power(self) -> None:
        """End every process at once, as when the plug is pulled; returns when it is off."""
        with self._changed:
            self._powered = False
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
            if not self._changed.wait_for(lambda: self._state == "off", 30):
                raise TimeoutError(f"{self.name} has no power and is {self._state}")

    @abstractmethod
    def power_off(self) -> None:
        """An orderly shutdown: connections are closed; returns when it is off."""

    @abstractmethod
    def reboot(self) -> None:
        """Begin an orderly restart, at the same addresses."""

    def open_ports(self, ports: tuple[OpenPort, ...]) -> None:
        """Its security groups: from now on new connections come in by these rules alone."""
        self.network.firewall.change(self.interface, open_ports=ports)

    def console(self) -> str:
        try:
            return (self.folder / "console").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def throw_away(self) -> None:
        """Off for good, with its disk."""
        self.cut_power()
        self.network.firewall.forget(self.interface)
        self.network.give_back(self.addresses.private)
        self._drop_disk()

    @abstractmethod
    def _prepare_boot(self) -> None:
        """What the machine must find on its disk."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The process of a machine that boots. Its standard output tells events, one a line:
        `booting`, `up`, and what `_event` knows. It must end when we do."""

    def _event(self, event: bytes, process: subprocess.Popen[bytes]) -> None:
        """Do what an event of its own kind asks for."""
        raise RuntimeError(f"{self.name} says {event!r}, which nobody understands")

    def _drop_disk(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

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
            with (self.folder / "console").open("a") as console:
                console.write(f"The machine could not be started:\n{traceback.format_exc()}")
        finally:
            self.network.give_back(self.addresses.public)
            self._set("off")

    def _one_boot(self) -> int:
        process = self._start()
        assert process.stdin
        assert process.stdout
        with process.stdin, process.stdout:
            for line in process.stdout:
                match event := line.strip():
                    case b"booting" | b"up":
                        self._set("up" if event == b"up" else "booting")
                    case _:
                        self._event(event, process)
            return process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._changed, (self.folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=console
            )
            if not self._powered:
                self._process.kill()
            (self.folder / "pid").write_text(str(self._process.pid))
            return self._process

    def _set(self, state: MachineState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()
