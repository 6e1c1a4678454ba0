"""Take the chunks that this host lacks from another host, and from the next when that one fails."""

from __future__ import annotations

import socket
import threading
from typing import NamedTuple

from . import greeting
from .chunks import Chunks
from .frames import CHUNK, WAITING, Frames
from .order import Order
from .voice import Voice

#: A host that is there says something every half second (see sending.BEAT_SECONDS). One that
#: stops in the middle of a chunk is found out after one to two times this.
SILENCE_SECONDS = 1.5
_CONNECT_SECONDS = 2.0
_PAUSE_SECONDS = 1.0


class Source(NamedTuple):
    """Another host of this ship."""

    name: str
    address: str


class Fetching:
    """Keeps taking chunks until all are here.

    The controller says which hosts to ask, the best first. When none of them gives anything,
    the host says so ("starved") and goes on trying; the controller then feeds it itself.
    """

    def __init__(self, order: Order, chunks: Chunks, voice: Voice) -> None:
        self._order = order
        self._secret = bytes.fromhex(order.secret)
        self._chunks = chunks
        self._voice = voice
        self._sources: tuple[Source, ...] | None = None
        #: Names of hosts that failed since we starved last.
        self._failed: set[str] = set()
        #: Names of hosts that sent something damaged: asked when no other has anything.
        self._doubted: set[str] = set()
        self._news = threading.Condition()

    def ask(self, sources: tuple[Source, ...]) -> None:
        """From now on these, the best first."""
        with self._news:
            self._sources = sources
            self._news.notify_all()

    def run(self) -> None:
        """Until every chunk is here, whoever brought it."""
        while not self._chunks.complete:
            sources = self._told()
            source = self._best_of(sources)
            if source is None:
                self._starve(sources)
            else:
                self._take_from(source, sources)

    def _told(self) -> tuple[Source, ...]:
        """Whom to ask now; waits until the controller has said it for the first time."""
        with self._news:
            self._news.wait_for(lambda: self._sources is not None)
            return self._sources or ()

    def _best_of(self, sources: tuple[Source, ...]) -> Source | None:
        """The first that hasn't failed; one that lied before comes after all others."""
        left = [source for source in sources if source.name not in self._failed]
        return min(left, key=lambda source: source.name in self._doubted, default=None)

    def _starve(self, tried: tuple[Source, ...]) -> None:
        """None of them gives anything: say so, and soon try all of them again."""
        self._voice.say("starved", have=self._chunks.have_text())
        self._failed.clear()
        with self._news:
            self._news.wait_for(lambda: self._sources is not tried, _PAUSE_SECONDS)

    def _take_from(self, source: Source, sources: tuple[Source, ...]) -> None:
        """Ends when all chunks are here, when it is lost, or when another is better now."""
        why = ""
        try:
            with self._connected(source) as connection:
                self._voice.say("joined", source=source.name)
                why = self._take(connection, source, sources)
        except greeting.NotOneOfUs:
            why = "it closed the connection"
        except BlockingIOError:  # what reading raises when nothing came in time
            why = f"it was silent for {SILENCE_SECONDS} s"
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            self._failed.add(source.name)
            self._voice.say("lost", source=source.name, why=why)

    def _connected(self, source: Source) -> socket.socket:
        connection = socket.create_connection(
            (source.address, self._order.port), timeout=_CONNECT_SECONDS
        )
        try:
            connection.settimeout(None)
            greeting.set_patience(connection, receiving=SILENCE_SECONDS, sending=SILENCE_SECONDS)
            greeting.greet(connection, self._order.ship, self._secret)
            connection.sendall(self._chunks.have)
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(self, connection: socket.socket, source: Source, sources: tuple[Source, ...]) -> str:
        """Why it ended: "" if nothing went wrong."""
        order = self._order
        frames = Frames(
            connection, sizes=order.chunk_size, largest=order.chunk_bytes, seconds=SILENCE_SECONDS
        )
        while not self._chunks.complete:
            kind, index, data = frames.take()
            if kind == CHUNK and index < order.chunks:
                if not self._chunks.store(index, data):
                    self._doubted.add(source.name)
                    return f"chunk {index} was damaged"
            elif kind != WAITING:
                return "it said something that makes no sense"
            if self._better_than(source, sources):
                return ""
        return ""

    def _better_than(self, source: Source, sources: tuple[Source, ...]) -> bool:
        now = self._sources
        return now is not sources and now is not None and now[:1] not in ((), (source,))
