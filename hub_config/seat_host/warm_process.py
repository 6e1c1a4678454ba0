"""A warm process as the service holds it: started, asked to fork, watched, replaced.

cold ──ensure──► warming ──its hello──► warm ──fork──► warm
  ▲                 │                    │ its environment changed: retired
  └── after a pause─┴────── ill ◄────────┘ no answer, or it ended
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hub_config.seat_host.environment_identity import environment_identity
from hub_config.seat_host.protocol import SeatHostError, WarmState
from hub_config.seat_jail import HOME_LINK

Kind = Literal["server", "kernel", "plain"]
#: Importing MXNet from a cold disk. A process that has computed meanwhile gets as long again.
_HELLO_SECONDS = 180.0
_FORK_SECONDS = 5.0
#: Between attempts after an illness; doubled each time up to the second number.
_PAUSE_SECONDS = (5.0, 300.0)
#: Between two looks at whether it is warm: one that imports nothing soon is.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1
_WORDS = 4096
#: Where modules that work out paths while they are imported find the seat's home: a link that
#: is the same in every jail.
HOME = HOME_LINK
#: What a module writes into a home while it is imported, as matplotlib does its list of fonts,
#: goes to a /run that nobody else sees and that ends with the process.
_OWN_RUN = (
    *("unshare", "--mount", "--propagation", "private", "--"),
    *("sh", "-c", 'mount -t tmpfs -o mode=755 run /run && exec "$@"', "sh"),
)
_MARK = "WORKSHOP_STATE_HOME"


@dataclass(frozen=True)
class WarmPlan:
    """Which interpreter imports what. `prefix` is its environment; a change there retires it."""

    name: str
    kind: Kind
    prefix: Path
    library: Path
    modules: tuple[str, ...] = ()

    def command(self, descriptor: int) -> list[str]:
        python = str(self.prefix / "bin" / "python")
        module = "hub_config.seat_host.warm"
        return [python, "-m", module, self.kind, str(descriptor), *self.modules]


class WarmProcess:
    """Thread-safe. Never blocks a start: while it isn't warm, `fork` says so at once."""

    def __init__(
        self, plan: WarmPlan, log: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.plan = plan
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._identity = ""
        self._since = 0.0
        self._ill = ""
        self._pause = _PAUSE_SECONDS[0]
        self._again_at = 0.0

    def tend(self) -> None:
        """Bring it up if it is down and its pause is over; retire it if it is out of date."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._fall_ill(f"it ended with status {self._process.returncode}")
            if self._process is not None and self._out_of_date():
                self._end()
            if self._process is None and self._clock() >= self._again_at:
                self._warm_up()

    def fork(self, control: socket.socket) -> int:
        """A root process that holds `control`. Raises: SeatHostError of kind "cold" or "ill"."""
        with self._lock:
            link = self._link
            if link is None:
                raise SeatHostError("cold", f"{self.plan.name} is not warm")
            if self._out_of_date():
                self._end()
                raise SeatHostError("cold", f"the environment of {self.plan.name} has changed")
            try:
                socket.send_fds(link, [b"fork"], [control.fileno()])
                word, _, number = link.recv(_WORDS).decode().partition(" ")
            except OSError as error:
                word, number = "", str(error)
            if word != "forked":
                self._fall_ill(f"it didn't fork ({number or 'it ended'})")
                raise SeatHostError("ill", f"{self.plan.name}: {self._ill}")
            return int(number)

    def wait(self, seconds: float) -> None:
        """Until it is warm, or no longer warming up."""
        deadline, pause = self._clock() + seconds, _SHORTEST_PAUSE
        while self._link is None and self._process is not None and self._clock() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def blame(self, why: str) -> None:
        """A fork of it came to nothing: start plainly for a while, and warm it up anew."""
        with self._lock:
            self._fall_ill(why)

    def end(self) -> None:
        with self._lock:
            self._end()

    def state(self) -> WarmState:
        with self._lock:
            process, warm = self._process, self._link is not None
            return WarmState(
                name=self.plan.name,
                pid=process.pid if process is not None else 0,
                age_seconds=round(self._clock() - self._since, 1) if warm else 0.0,
                memory_bytes=_own_memory(process.pid) if process is not None else 0,
                environment=self._identity,
                ill=self._ill or ("" if warm else "it is warming up"),
            )

    # --- with the lock held ----------------------------------------------------------

    def _warm_up(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._identity = environment_identity(self.plan.prefix, self.plan.library)
        with theirs, self._log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    [*_OWN_RUN, *self.plan.command(theirs.fileno())],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=_environment(self.plan),
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                self._fall_ill(f"it can't be started: {error}")
                return
        waiting = threading.Thread(target=self._hear, args=(ours, self._process), daemon=True)
        waiting.start()

    def _hear(self, link: socket.socket, process: subprocess.Popen[bytes]) -> None:
        """Wait for the first word of a process that is importing; seats start plainly so far."""
        try:
            hello = _first_word(link, process.pid)
            told = json.loads(hello or b'{"unsafe": "it ended while importing"}')
        except (OSError, ValueError) as error:
            told = {"unsafe": f"it gave no answer: {error}"}
        with self._lock:
            if self._process is not process:  # retired meanwhile
                link.close()
                return
            if told["unsafe"]:
                link.close()
                self._fall_ill(str(told["unsafe"]))
                return
            link.settimeout(_FORK_SECONDS)
            self._link, self._since = link, self._clock()
            self._ill, self._pause = "", _PAUSE_SECONDS[0]

    def _out_of_date(self) -> bool:
        return self._identity != environment_identity(self.plan.prefix, self.plan.library)

    def _fall_ill(self, why: str) -> None:
        self._ill = why
        self._again_at = self._clock() + self._pause
        self._pause = min(2 * self._pause, _PAUSE_SECONDS[1])
        self._end()

    def _end(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()


def _first_word(link: socket.socket, pid: int) -> bytes:
    """What a process says when it has imported everything; b"" when it ended.

    On a slow or busy host that takes long, and to begin anew would take longer. Raises
    TimeoutError when it does nothing any more.
    """
    link.settimeout(_HELLO_SECONDS)
    used = 0.0
    while True:
        try:
            return link.recv(_WORDS)
        except TimeoutError:
            before, used = used, _cpu_seconds(pid)
            if used - before < _HELLO_SECONDS / 100:
                raise


def _cpu_seconds(pid: int) -> float:
    """What a process has used so far; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _environment(plan: WarmPlan) -> dict[str, str]:
    """Every child begins with it, and what was read from it while importing stays."""
    return our_mark() | {
        "PATH": f"{plan.prefix / 'bin'}:{os.defpath}",
        "PYTHONPATH": str(plan.library),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "HOME": HOME,
        # One thread: a lock that another thread holds at the fork would be held for ever.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def our_mark() -> dict[str, str]:
    """By this `workshop down` finds every process of a workshop."""
    return {name: os.environ[name] for name in (_MARK,) if name in os.environ}


def _own_memory(pid: int) -> int:
    """Its share of the memory that it and its children use, in bytes (PSS)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
