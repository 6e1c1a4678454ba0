"""All warm processes of a host: one for servers, one for each environment of kernels."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from hub_config.seat_host.protocol import SeatHostError, WarmState
from hub_config.seat_host.settings import HostSettings
from hub_config.seat_host.warm_process import WarmPlan, WarmProcess

#: For an interpreter that starts on a busy host. Who asked for a seat waits for ten seconds longer.
_PLAIN_SECONDS = 20.0


class WarmProcesses:
    """Those that import nothing, for plain starts, need no warming up."""

    def __init__(self, settings: HostSettings, logs: Path) -> None:
        hub, library, log = settings.hub_prefix, settings.library, logs / "warm.log"
        self._warm = settings.warm
        self._plain = WarmProcess(WarmPlan("plain", "plain", hub, library), log)
        self.server = WarmProcess(WarmPlan("server", "server", hub, library), log)
        self._kernels: Mapping[str, WarmProcess] = {
            str(each.python): WarmProcess(
                WarmPlan(each.name, "kernel", each.prefix, library, each.modules), log
            )
            for each in settings.kernels
        }

    def tend(self) -> None:
        """Bring up what is down and retire what is out of date."""
        self._plain.tend()
        for process in self._imported:
            process.tend()

    def kernel(self, python: str) -> WarmProcess:
        """By the interpreter that the kernel's specification names."""
        try:
            return self._kernels[python]
        except KeyError:
            raise SeatHostError("unknown", "no kernel is kept warm for that interpreter") from None

    def fork_plainly(self, control: socket.socket) -> int:
        """Waits for the moment that an interpreter takes to start."""
        self._plain.tend()
        self._plain.wait(_PLAIN_SECONDS)
        return self._plain.fork(control)

    def states(self) -> tuple[WarmState, ...]:
        return tuple(process.state() for process in self._imported)

    def end(self) -> None:
        for process in (self._plain, *self._imported):
            process.end()

    @property
    def _imported(self) -> tuple[WarmProcess, ...]:
        return (self.server, *self._kernels.values()) if self._warm else ()
