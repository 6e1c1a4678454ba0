"""Links as they are wanted: their files, and new forwards for links that are open already.

A latecomer's port is added to an open link; nobody else's connection notices. Only when a host
is reached in another way, at another address or with another key, its link is made anew.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from hub_config.fleet.link_keys import ensure_link_key
from hub_config.fleet.links import (
    Forward,
    Link,
    LinkFiles,
    forward_option,
    known_hosts,
    link_config,
    link_files,
    wanted_links,
)
from hub_config.fleet.seat_map import SeatMap
from hub_config.settings import HubSettings
from provisioning.folders import write_atomically

_TELL_SECONDS = 10
#: Lines of a configuration that an open link can be told.
_TOLD = "  LocalForward "


@dataclass(frozen=True)
class _Change:
    """What is different about one link; `before` is the text of its file, "" if it's new."""

    link: Link
    before: str
    after: str

    @property
    def needs_restart(self) -> bool:
        return bool(self.before) and _kept(self.before) != _kept(self.after)

    @property
    def gone(self) -> tuple[Forward, ...]:
        return tuple(forward for forward in _told(self.before) if forward not in self.link.here)


def program_name(host: str) -> str:
    """What the supervisor calls the link to a host."""
    return f"link-{host}"


def ensure_links(settings: HubSettings, seats: SeatMap) -> tuple[str, ...]:
    """Bring every link's files, and what is open, to the map.

    Returns the programs that have to be restarted because they could not be told.
    """
    files = link_files(settings)
    ensure_link_key(files.folder)
    files.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
    links = wanted_links(settings, seats)
    _write_if_changed(files, links)
    changes = tuple(_changes(files, links))
    for change in changes:
        write_atomically(files.config(change.link.host.name), change.after.encode(), mode=0o600)
    # First what ends, then what begins: a port that moves to another link must be free.
    untold = [change for change in changes if not _cancel(change, files)]
    untold += [change for change in changes if change not in untold and not _add(change, files)]
    return tuple(program_name(change.link.host.name) for change in untold)


def _changes(files: LinkFiles, links: Iterable[Link]) -> Iterable[_Change]:
    for link in links:
        file = files.config(link.host.name)
        before = file.read_text() if file.is_file() else ""
        after = link_config(link, files)
        if before != after:
            yield _Change(link, before, after)


def _write_if_changed(files: LinkFiles, links: tuple[Link, ...]) -> None:
    text = known_hosts(links).encode()
    if not files.known_hosts.is_file() or files.known_hosts.read_bytes() != text:
        write_atomically(files.known_hosts, text, mode=0o600)


def _cancel(change: _Change, files: LinkFiles) -> bool:
    """End the forwards that are not wanted any more. False when the link must be made anew."""
    if change.needs_restart:
        return False
    if not change.gone or not _is_open(change.link, files):
        return True
    options = [part for each in change.gone for part in ("-L", forward_option(each))]
    # Without the configuration, which would name the wanted forwards too.
    return _tell(change.link, files, "cancel", *options, config="/dev/null")


def _add(change: _Change, files: LinkFiles) -> bool:
    """Open what is new; the client passes over what it has."""
    if not change.before or not _is_open(change.link, files):
        return True  # it reads its file when it connects
    return _tell(change.link, files, "forward", config=str(files.config(change.link.host.name)))


def _is_open(link: Link, files: LinkFiles) -> bool:
    return _tell(link, files, "check", config="/dev/null")


def _tell(link: Link, files: LinkFiles, verb: str, *options: str, config: str) -> bool:
    control = str(files.control(link.host.name))
    command = ["ssh", "-F", config, "-S", control, "-O", verb, *options, link.host.name]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TELL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _kept(config: str) -> tuple[str, ...]:
    return tuple(line for line in config.splitlines() if not line.startswith(_TOLD))


def _told(config: str) -> tuple[Forward, ...]:
    pairs = (line.split()[1:] for line in config.splitlines() if line.startswith(_TOLD))
    return tuple(Forward(listen, target) for listen, target in pairs)
