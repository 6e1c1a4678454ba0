"""A ship as one of its hosts goes through it: what it says, and what became of it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from provisioning.environments.shipping import program
from provisioning.environments.shipping.errors import HostUnfit, refusal
from provisioning.environments.shipping.feeding import Feeding
from provisioning.environments.shipping.hosts import ShipHost, Start, Talk
from provisioning.environments.shipping.on_host.order import Order
from provisioning.environments.shipping.outcome import HostOutcome, State
from provisioning.errors import StepFailed, WorkshopError
from provisioning.ssh.errors import CommandFailed, SshError, last_of

#: What concerns the other hosts as well: this host, what it says, and the message.
Heard = Callable[["OneHost", str, dict[str, Any]], None]
#: A writer that is stuck on a dead host ends when its connection is closed.
_WRITER_SECONDS = 1.0


@dataclass
class OneHost:
    """One host of a ship that is under way. `heard` is called from its thread."""

    name: str
    host: ShipHost
    feeding: Feeding
    #: The program that it runs, as it is sent: the same for all.
    opening: bytes
    began: float
    heard: Heard
    installs: bool = True
    #: A relay says something every 2 s; after so many without a word it is taken for dead.
    silence: float = 15.0
    outcome: HostOutcome | None = None
    #: The talk has ended, whatever came of it.
    over: bool = False
    #: It offers a whole archive that was there before.
    could_serve: bool = False
    #: Whom it was told to ask.
    sources: tuple[str, ...] | None = None
    _received_after: float | None = None
    _asked: list[str] = field(default_factory=list)

    def ship(self, order: Order, start: Start, seconds: float) -> None:
        """From login to the end of the talk. Afterwards there is an outcome."""
        try:
            with start(self.host, program.command("ship"), seconds) as talk:
                talk.write(self.opening + order.to_line())
                self._converse(talk)
        except CommandFailed as error:  # it ended before it had read its order
            self._end(self._early_end(error.status, error.stderr))
        except WorkshopError as error:
            self._end(error)
        except Exception as error:  # a mistake of ours must not keep the others waiting
            self._end(StepFailed(f"{self.name}: {error!r}", next_step="ship again"))
        else:
            self._end(None)

    def _converse(self, talk: Talk) -> None:
        writer = threading.Thread(target=self.feeding.write_to, args=(talk,), daemon=True)
        writer.start()
        try:
            self._listen(talk)
        except SshError as error:
            self._end(error)  # at once: closing a dead connection can take long
            raise
        finally:
            self.feeding.close()
            writer.join(_WRITER_SECONDS)

    def _end(self, problem: WorkshopError | None) -> None:
        if problem:
            self._fail(problem)
        if not self.over:
            self.over = True
            self.heard(self, "over", {})

    def settle(self, state: State, problem: WorkshopError | None = None) -> None:
        """What becomes of this host is known now; the first word counts."""
        if self.outcome is None:
            done = None if state == "failed" else self._since()
            self.outcome = HostOutcome(
                self.name, state, problem, self._received_after, done,
                self.feeding.fed_bytes, tuple(dict.fromkeys(self._asked)),
            )  # fmt: skip

    def missing(self, have: str) -> list[int]:
        return [index for index, there in enumerate(base64.b64decode(have)) if not there]

    def _listen(self, talk: Talk) -> None:
        while (line := talk.read_line(self.silence)) is not None:
            if line:
                self._take(json.loads(line))
        if self.outcome is None:
            ended = talk.finish()
            self._fail(self._early_end(ended.status, ended.stderr))

    def _take(self, said: dict[str, Any]) -> None:
        what = said["say"]
        match what:
            case "joined":
                self._asked.append(said["source"])
                self.feeding.stop_feeding()
            case "received":
                self._received_after = self._since()
                if not self.installs:
                    self.settle("received")
            case "refused":
                self._fail(refusal(self.name, said))
            case "done":
                self.settle("installed" if said["fresh"] else "already")
            case "installed":
                self.could_serve = said["archive"]
                self.settle("already")
        self.heard(self, what, said)

    def _fail(self, problem: WorkshopError) -> None:
        self.settle("failed", problem)

    def _since(self) -> float:
        return round(time.monotonic() - self.began, 3)

    def _early_end(self, status: int, stderr: bytes) -> WorkshopError:
        said = last_of(stderr)
        if status in (126, 127):
            return HostUnfit(
                f"{self.name}: {program.PYTHON} can't be run: {said}",
                next_step=f"on {self.name}: apt-get install python3; then ship again",
            )
        return StepFailed(
            f"{self.name}: the relay on it ended with status {status}: {said or 'no word'}; "
            "what had arrived is kept",
            next_step="ship again: it goes on from there",
        )
