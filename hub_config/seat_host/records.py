"""What the service knows about its seats, on disk: after a restart it goes on with them.

One file per seat, without secrets. Numbers of processes mean nothing after a reboot, so a
record of an earlier boot is not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hub_config.seat_host.protocol import Started
from hub_config.seat_process import SeatProcess
from provisioning.limits import SeatLimits

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class SeatRecord:
    """One seat that runs. `jail` is bwrap's outer process, with its `first` one."""

    username: str
    uid: int
    port: int
    gpu: int | None
    limits: SeatLimits
    started: Started
    jail: SeatProcess
    kernels: tuple[SeatProcess, ...] = ()

    @property
    def server(self) -> SeatProcess:
        return SeatProcess(self.started.pid, self.started.began)

    def with_kernel(self, kernel: SeatProcess) -> SeatRecord:
        """One more kernel; those that have ended are forgotten."""
        alive = tuple(each for each in self.kernels if each.alive())
        return replace(self, kernels=(*alive, kernel))


class Records:
    """The folder of the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, record: SeatRecord) -> None:
        """Whole or not at all."""
        scratch = self._folder / f".{record.username}.new"
        scratch.write_text(json.dumps({"boot": _boot(), "seat": asdict(record)}))
        scratch.replace(self._file(record.username))

    def forget(self, username: str) -> None:
        self._file(username).unlink(missing_ok=True)

    def all(self) -> Iterator[SeatRecord]:
        """Every seat that was started since this host's last boot."""
        for file in sorted(self._folder.glob("[!.]*.json")):
            record = _read(file)
            if record is None:
                file.unlink(missing_ok=True)
            else:
                yield record

    def _file(self, username: str) -> Path:
        return self._folder / f"{username}.json"


def _read(file: Path) -> SeatRecord | None:
    try:
        told = json.loads(file.read_text())
        if told["boot"] != _boot():
            return None
        seat = told["seat"]
        return SeatRecord(
            username=seat["username"],
            uid=seat["uid"],
            port=seat["port"],
            gpu=seat["gpu"],
            limits=SeatLimits(**seat["limits"]),
            started=Started(**seat["started"]),
            jail=_process(seat["jail"]),
            kernels=tuple(_process(kernel) for kernel in seat["kernels"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _process(told: Mapping[str, Any]) -> SeatProcess:
    first = _process(told["first"]) if told["first"] else None
    return SeatProcess(told["pid"], told["started"], first)


def _boot() -> str:
    return _BOOT.read_text().strip()
