"""How hard the machine works while robots rehearse: sampled once a second."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

SECONDS = 1.0
_MEGABYTE = 1e6


@dataclass(frozen=True)
class ProgramLoad:
    """`cores` are CPU seconds per second, over the rehearsal; memory is PSS at its end."""

    name: str
    cores: float
    megabytes: float


@dataclass(frozen=True)
class Load:
    """Of the machine that the hub is on. Shares are from 0 to 1."""

    cores: int
    busy: float
    busiest: float
    least_free_share: float
    programs: tuple[ProgramLoad, ...] = ()

    def program(self, name: str) -> ProgramLoad | None:
        return next((each for each in self.programs if each.name == name), None)


@dataclass
class LoadMeter:
    """Begins with `measuring`; `read` gives what was seen until then."""

    programs: Callable[[], Mapping[str, psutil.Process]]
    _busy: list[float] = field(default_factory=list)
    _free: list[float] = field(default_factory=list)
    _found: Mapping[str, psutil.Process] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)
    _seconds: float = 0.0

    @asynccontextmanager
    async def measuring(self) -> AsyncIterator[None]:
        self._found = self.programs()
        self._began = {name: _cpu_of(process) for name, process in self._found.items()}
        loop = asyncio.get_running_loop()
        started = loop.time()
        sampling = asyncio.create_task(self._sample())
        try:
            yield
        finally:
            sampling.cancel()
            self._seconds = loop.time() - started

    def read(self) -> Load:
        return Load(
            cores=psutil.cpu_count() or 1,
            busy=statistics.fmean(self._busy) if self._busy else 0.0,
            busiest=max(self._busy, default=0.0),
            least_free_share=min(self._free, default=1.0),
            programs=tuple(self._program(name) for name in self._found),
        )

    async def _sample(self) -> None:
        psutil.cpu_percent()  # the first answer means nothing
        while True:
            await asyncio.sleep(SECONDS)
            self._busy.append(psutil.cpu_percent() / 100)
            memory = psutil.virtual_memory()
            self._free.append(memory.available / memory.total)

    def _program(self, name: str) -> ProgramLoad:
        process = self._found[name]
        used = max(0.0, _cpu_of(process) - self._began[name])
        megabytes = 0.0
        with suppress(psutil.Error):
            megabytes = process.memory_full_info().pss / _MEGABYTE
        return ProgramLoad(name, used / self._seconds if self._seconds else 0.0, megabytes)


def _cpu_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
