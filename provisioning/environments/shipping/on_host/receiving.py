"""One ship, as a host sees it: take the archive, give it to others, unpack it, use it."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn

from .boot import start_another
from .chunks import Chunks
from .fetching import Fetching, Source
from .folders import ensure_folders, refuse_small_disk
from .lock import hold
from .marker import is_whole
from .order import Layout, Order
from .sending import Sending
from .switchboard import Switchboard
from .voice import Refused, Voice

#: A relay whose controller is gone ends after Order.idle_seconds; who ships anew waits for it.
_WAIT_SECONDS = 40.0
_REPORT_SECONDS = 1.0
#: The controller takes a host that says nothing for much longer for dead.
_ALIVE_SECONDS = 2.0
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def run(voice: Voice) -> None:
    Receiving(Order.from_line(sys.stdin.buffer.readline()), sys.stdin.buffer, voice).run()


class Receiving:
    """From the order to "done", then at the service of other hosts until the controller ends it."""

    def __init__(self, order: Order, controller: BinaryIO, voice: Voice) -> None:
        self._order = order
        self._layout = Layout.of(order)
        self._controller = controller
        self._voice = voice
        self._heard = time.monotonic()
        self._board: Switchboard | None = None

    def run(self) -> None:
        """Raises Refused when this host can't have the environment."""
        refuse_other_architecture(self._order.architecture)
        os.umask(0o022)
        self._start(self._say_alive)
        ensure_folders(self._layout)
        self._lock = hold(self._layout.lock, _WAIT_SECONDS)
        if is_whole(self._order, self._layout) and not self._order.repair:
            self._already_there()
        else:
            refuse_small_disk(self._order, self._layout)
        self._take_and_give()

    def _already_there(self) -> None:
        """Only the archive may be of use here: for hosts that don't have it."""
        if self._order.install:
            from .installing import install  # not needed by most ships, and slow to import

            install(self._order, self._voice)
        self._voice.say("installed", archive=self._layout.archive.exists())
        self._start(self._end_when_alone)
        if not self._wait_for("serve"):
            sys.exit()

    def _take_and_give(self) -> None:
        chunks = Chunks(self._order, self._layout)
        chunks.keep_what_is_there()
        fetching = Fetching(self._order, chunks, self._voice)
        unreachable = self._offer(chunks)
        self._voice.say("ready", have=chunks.have_text(), unreachable=unreachable)
        self._start(self._end_when_alone)
        self._start(self._report, chunks)
        self._start(self._complete, chunks)
        self._start(fetching.run)
        try:
            self._listen_to_the_controller(chunks, fetching)
        except Refused as refusal:  # the disk is full after all
            self._voice.refuse(refusal)
        self._end(0)

    def _offer(self, chunks: Chunks) -> str:
        """Open the port to other hosts; why not, if that isn't possible."""
        if not self._order.listen:
            return "it has no address that other hosts reach"
        address = (self._order.listen, self._order.port)
        visit = Sending(self._order, chunks).visit
        self._board = Switchboard(address, self._layout.run / "ship", self._order.ship, visit)
        return self._board.open()

    def _complete(self, chunks: Chunks) -> None:
        chunks.wait_for_all()
        chunks.put_in_place()
        self._voice.say("received")
        if self._order.install and (self._order.repair or not is_whole(self._order, self._layout)):
            self._install()

    def _install(self) -> None:
        """In a process of its own: unpacking must not hold up what others wait for."""
        process = start_another("install", keep_open=self._lock)
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(self._order.to_line())
        process.stdin.close()
        ended = False
        for line in process.stdout:
            facts = json.loads(line)
            ended = ended or facts["say"] in ("done", "refused")
            self._voice.say(facts.pop("say"), **facts)
        if not ended:
            status = process.wait()
            raise Refused("broken", f"unpacking ended with status {status}", "ship again")

    def _listen_to_the_controller(self, chunks: Chunks, fetching: Fetching) -> None:
        while (message := self._hear()) is not None:
            if message["do"] == "chunk":
                piece = memoryview(self._read(message["bytes"]))
                if not chunks.store(message["index"], piece):
                    self._voice.say("damaged", index=message["index"])
            elif message["do"] == "sources":
                fetching.ask(tuple(Source(*each) for each in message["sources"]))
            elif message["do"] == "end":
                break

    def _wait_for(self, what: str) -> bool:
        while (message := self._hear()) is not None and message["do"] != "end":
            if message["do"] == what:
                return True
        return False

    def _hear(self) -> dict[str, Any] | None:
        """What the controller says next; None when it has gone away."""
        line = self._controller.readline()
        self._heard = time.monotonic()
        return json.loads(line) if line.endswith(b"\n") else None

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            got = self._controller.readinto1(view)  # type: ignore[attr-defined]
            if not got:
                self._end(0)
            self._heard = time.monotonic()
            view = view[got:]
        return data

    def _report(self, chunks: Chunks) -> None:
        while not chunks.complete:
            self._voice.say("have", bytes=chunks.bytes_here)
            time.sleep(_REPORT_SECONDS)

    def _say_alive(self) -> None:
        while True:
            time.sleep(_ALIVE_SECONDS / 2)
            if self._voice.silent_for > _ALIVE_SECONDS / 2:
                self._voice.say("alive")

    def _end_when_alone(self) -> None:
        """The controller says something every few seconds, for as long as it is there."""
        self._heard = time.monotonic()
        while time.monotonic() - self._heard < self._order.idle_seconds:
            time.sleep(_REPORT_SECONDS)
        self._end(1)

    def _end(self, status: int) -> NoReturn:
        if self._board:
            self._board.close()
        os._exit(status)  # threads may be in the middle of a chunk: what is kept is whole

    def _start(self, action: Callable[..., None], *arguments: object) -> None:
        def guarded() -> None:
            try:
                action(*arguments)
            except Refused as refusal:
                self._voice.refuse(refusal)
            except BrokenPipeError:
                self._end(0)  # the controller is gone
            except OSError as error:
                self._voice.refuse(Refused("broken", str(error), "ship again"))

        threading.Thread(target=guarded, daemon=True).start()


def refuse_other_architecture(wanted: str) -> None:
    machine = os.uname().machine
    here = _ARCHITECTURES.get(machine, machine)
    if here != wanted:
        raise Refused(
            "wrong-architecture",
            f"this host is {here}, and the archive is for {wanted}; nothing was sent to it",
            "build the environment for this kind of host and ship that, or name the hosts "
            "that it is for",
        )
