"""Bring one archive to many hosts: they give it to each other, and we help where that fails.

This machine sends the archive once, to the first host that is ready; every other host takes it
from the one before it while that one still receives. A host that no other gives anything says
so, and is fed from here. Whatever happens to one host is its own outcome.
"""

from __future__ import annotations

import base64
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.environments.shipping import program
from provisioning.environments.shipping.archive import Archive, read_archive
from provisioning.environments.shipping.chain import Chain
from provisioning.environments.shipping.feeding import Feeding, opened
from provisioning.environments.shipping.hosts import ShipHost, Start, start_over_ssh
from provisioning.environments.shipping.on_host.order import Order
from provisioning.environments.shipping.one_host import OneHost
from provisioning.environments.shipping.outcome import Shipped
from provisioning.environments.shipping.pace import Pace
from provisioning.providers.protocol import Progress

PORT = 7475
#: Who has the archive from before gives it to those who don't; more would gain nothing.
_MOST_SEEDS = 2


@dataclass(frozen=True)
class ShipOptions:
    """How to ship. `seconds` is for all of it; a host that isn't done by then has failed."""

    seconds: float = 1800.0
    port: int = PORT
    #: False: bring the archive to the hosts, and unpack it another time.
    install: bool = True
    #: Unpack it again on hosts that have it: somebody changed its files.
    repair: bool = False
    #: A host that says nothing for so many seconds is taken for dead.
    silence: float = 15.0
    start: Start = start_over_ssh


def _quiet(name: str, done: int, total: int, note: str) -> None:
    pass


def ship(
    path: Path,
    hosts: Mapping[str, ShipHost],
    *,
    options: ShipOptions = ShipOptions(),
    progress: Progress = _quiet,
) -> Shipped:
    """Bring the archive at `path` to `hosts` and use it there; see Shipped for what it came to.

    Hosts that have it are left as they are, what an earlier ship brought is kept. `progress` is
    called with a host's name, bytes there, bytes wanted, and what it does, from any thread.
    Raises BadInput or DamagedArchive before any host is touched.
    """
    archive = read_archive(path, hosts=len(hosts))
    descriptor = opened(archive)
    try:
        return _Ship(archive, descriptor, hosts, options, progress).run()
    finally:
        os.close(descriptor)


class _Ship:
    """One ship that is under way. Its hosts' threads meet in `_heard`, one at a time."""

    def __init__(
        self,
        archive: Archive,
        descriptor: int,
        hosts: Mapping[str, ShipHost],
        options: ShipOptions,
        progress: Progress,
    ) -> None:
        self._archive = archive
        self._options = options
        self._progress = progress
        self._began = time.monotonic()
        self._ship, self._secret = secrets.token_hex(16), secrets.token_hex(32)
        self._chain = Chain()
        self._pace = Pace(archive.manifest.archive_bytes)
        self._passed_by: set[str] = set()
        self._serving = 0
        self._meeting = threading.Condition()
        opening = program.opening()  # once, and not by every host's thread
        self._hosts = {
            name: OneHost(
                name=name,
                host=host,
                feeding=Feeding(archive, descriptor),
                opening=opening,
                began=self._began,
                heard=self._heard,
                installs=options.install,
                silence=options.silence,
            )
            for name, host in hosts.items()
        }

    def run(self) -> Shipped:
        """All hosts at once; ends when each has an outcome, and its talk is over."""
        for each in self._hosts.values():
            threading.Thread(target=self._ship_to, args=(each,), daemon=True).start()
        try:
            with self._meeting:
                self._meeting.wait_for(lambda: all(each.over for each in self._hosts.values()))
        except BaseException:  # Ctrl-C: what has arrived is kept on the hosts
            for each in self._hosts.values():
                each.feeding.end()
            raise
        outcomes = {name: each.outcome for name, each in self._hosts.items() if each.outcome}
        manifest = self._archive.manifest
        name = f"{manifest.name}-{manifest.identity}"
        return Shipped(name, outcomes, time.monotonic() - self._began)

    def _ship_to(self, each: OneHost) -> None:
        self._tell(each, 0, "connecting")
        each.ship(self._order_for(each), self._options.start, self._options.seconds)

    def _heard(self, each: OneHost, what: str, said: dict[str, Any]) -> None:
        with self._meeting:
            match what:
                case "ready":
                    self._join(each, said)
                case "starved":
                    each.feeding.feed(each.missing(said["have"]))
                case "have":
                    self._pass_by_if_slow(each, said["bytes"])
                case "over" | "refused":
                    self._leave(each)
            self._ask_those_who_have_it()
            self._end_if_all_are_settled()
            self._meeting.notify_all()
        self._show(each, what, said)

    def _join(self, each: OneHost, said: dict[str, Any]) -> None:
        has_all = not each.missing(said["have"])
        self._chain.join(each.name, gives=not said["unreachable"], has_all=has_all)
        self._tell_sources()

    def _leave(self, each: OneHost) -> None:
        self._chain.leave(each.name)
        self._tell_sources()

    def _pass_by_if_slow(self, each: OneHost, there: int) -> None:
        self._pace.note(each.name, time.monotonic(), there)
        if each.name in self._passed_by or not self._pace.holds_up(each.name, self._chain.order):
            return
        self._passed_by.add(each.name)
        self._pace.forget()
        self._chain.move_to_end(each.name)
        self._tell_sources()

    def _tell_sources(self) -> None:
        """Tell the hosts for whom something changed whom to ask."""
        for name in self._chain.order:
            each, sources = self._hosts[name], self._chain.sources(name)
            if sources != each.sources:
                each.sources = sources
                addresses = [(name, self._hosts[name].host.private_address) for name in sources]
                each.feeding.send(do="sources", sources=addresses)

    def _ask_those_who_have_it(self) -> None:
        """A host that has the archive from before is nearer to the others than we are."""
        receiving = (self._hosts[name] for name in self._chain.order)
        if any(each.outcome is None for each in receiving):
            seeds = [each for each in self._hosts.values() if each.could_serve]
            for each in seeds[: _MOST_SEEDS - self._serving]:
                self._serving += 1
                each.could_serve = False
                each.feeding.send(do="serve")

    def _end_if_all_are_settled(self) -> None:
        if all(each.outcome for each in self._hosts.values()):
            for each in self._hosts.values():
                each.feeding.end()

    def _order_for(self, each: OneHost) -> Order:
        manifest = self._archive.manifest
        return Order(
            name=manifest.name,
            identity=manifest.identity,
            architecture=manifest.architecture,
            prefix=manifest.prefix,
            python=manifest.python,
            tree_sha256=manifest.tree_sha256,
            files=manifest.files,
            unpacked_bytes=manifest.unpacked_bytes,
            imports=manifest.imports,
            archive=manifest.archive,
            archive_bytes=manifest.archive_bytes,
            chunk_bytes=self._archive.chunk_bytes,
            digests=base64.b64encode(self._archive.digests).decode(),
            ship=self._ship,
            secret=self._secret,
            listen=each.host.private_address or "",
            port=self._options.port,
            install=self._options.install,
            repair=self._options.repair,
        )

    def _show(self, each: OneHost, what: str, said: dict[str, Any]) -> None:
        whole = self._archive.manifest.archive_bytes
        match what:
            case "have":
                self._tell(each, said["bytes"], "receiving")
            case "received":
                self._tell(each, whole, "unpacking")
            case "importing":
                self._tell(each, whole, "importing its packages")
            case "done":
                self._tell(each, whole, "in use")
            case "refused" | "over" if each.outcome and each.outcome.problem:
                self._tell(each, 0, each.outcome.problem.message)

    def _tell(self, each: OneHost, done: int, note: str) -> None:
        self._progress(each.name, done, self._archive.manifest.archive_bytes, note)
