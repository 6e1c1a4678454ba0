"""One seat's home on its host: how it is asked about, sent and put in its place there.

Every script runs as root on the seat's host; whatever reads what an attendee made runs in a
jail there, as the seat's account.

A home has a mark, a file beside all homes that only root reaches: it says which home this is.
A host that was replaced, or that was away while its seat moved, has none or an old one. So a
wrong home is never taken for the right one, and never overwrites its copies.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from hub_config.backup.errors import CopyFailed, HostSilent, NoHome
from hub_config.backup.jail import Jail
from hub_config.backup.listing import PROGRAM, Limits, Listing, read_listing
from hub_config.backup.processes import Running
from hub_config.install import Owner
from provisioning.ssh.kept_output import KeptOutput
from provisioning.ssh.remote_command import on_host, script

_LISTING_BYTES = 64 * 1024**2
#: Answering, and putting folders in their places.
_SHORT_SECONDS = 20.0

_LOOK = r"""
for program in bwrap rsync setpriv python3; do
    command -v "$program" > /dev/null || { echo "$program" >&2; exit "$lacks"; }
done
[ -d "$home" ] && [ ! -L "$home" ] || exit "$no_home"
found=$(cat "$marks/$username" 2> /dev/null) || found=
if [ -n "$new" ] && [ "$found" != "$new" ]; then
    mkdir -p "$marks" && chmod 700 "$marks"
    printf %s "$new" > "$marks/.$username.new"
    sync "$marks/.$username.new"
    mv "$marks/.$username.new" "$marks/$username"
    found=$new
fi
[ -n "$found" ] || exit "$other_home"
case " $known " in *" $found "*) ;; *) exit "$other_home" ;; esac
"""

_MARK = r"""
[ -d "$home" ] || exit 0
cat "$marks/$username" 2> /dev/null || echo none
"""

# What a killed try began here may run on for a while. So every try has a folder of its own, and
# takes away those of earlier ones only. What somebody still writes into goes the next time.
_MAKE_ROOM = r"""
set -eu
command -v rsync > /dev/null || { echo rsync >&2; exit "$lacks"; }
mkdir -p "$homes"
mkdir -m 700 "$incoming"
chown "$uid:$gid" "$incoming"
for each in "$homes/.$username.incoming-"*; do
    [ "$each" != "$incoming" ] || break
    rm -rf --one-file-system "$each" || true
done
"""

# Killed in between, the home is not there, or has a mark that nobody knows: it is brought again.
_PUT = r"""
set -eu
sync -f "$incoming"
if [ -e "$home" ]; then rmdir "$home" 2> /dev/null || mv "$home" "$aside"; fi
mv "$incoming" "$home"
mkdir -p "$marks" && chmod 700 "$marks"
printf %s "$new" > "$marks/.$username.new"
sync "$marks/.$username.new"
mv "$marks/.$username.new" "$marks/$username"
sync -f "$homes"
"""


class _Status(IntEnum):
    """How our scripts end when something is not as it must be; and ssh, without a connection."""

    LACKS = 71
    NO_HOME = 72
    OTHER_HOME = 73
    SSH = 255


@dataclass(frozen=True)
class SeatHome:
    """`ssh` is what to put before a command for that host; `user` whom it logs in as."""

    username: str
    account: Owner
    host: str
    homes: Path
    ssh: tuple[str, ...]
    user: str = "root"

    def look(self, known: Sequence[str], new: str, limits: Limits) -> Listing:
        """What there is to copy. `known`: marks that the home may have; `new`: a mark that it gets
        because it was never copied, else "". Raises CopyFailed."""
        numbers = (limits.bytes, limits.files, limits.entries, limits.seconds)
        jail = Jail(self.account, self._home, writable=False)
        program = [*jail.command(), "python3", "-I", "-S", "-", *map(str, numbers)]
        # A walk that is still going after twice its time hangs on its disk.
        until = time.monotonic() + 2 * limits.seconds + _SHORT_SECONDS
        body = f"{_LOOK}exec {shlex.join(program)}"
        command = script(
            "look at a home", body, new=new, known=" ".join(known), **self._values(), **_STATUSES
        )
        said = KeptOutput(_LISTING_BYTES)
        with PROGRAM.open("rb") as source:
            asked = Running(self.on_host(command, until), stdin=source, stdout=said)
            status = asked.wait(until)
        if status != 0:
            raise self.failed(status, asked.said)
        if said.cut:
            raise CopyFailed(f"{self.username} has too many files to be listed")
        return read_listing(said.content())

    def mark(self) -> str:
        """Which home is there: its mark, "none" if it has none, "" if there is no home."""
        return self._run("read the mark of a home", _MARK).strip()

    def make_room(self, stamp: str) -> None:
        """An empty folder for a home that is brought, beside the one that may be there.

        `stamp` names the try: that of a later one sorts behind it.
        """
        self._run("make room for a home", _MAKE_ROOM, incoming=self._incoming(stamp))

    def put(self, mark: str, stamp: str) -> None:
        """The home that was brought takes its place; one that is there is set aside, not lost."""
        aside = self.homes / f".{self.username}.aside-{stamp}"
        paths = {"incoming": self._incoming(stamp), "aside": aside}
        self._run("put a home in its place", _PUT, new=mark, **paths)

    def sender(self, rsync: Sequence[str], until: float) -> list[str]:
        """rsync's other half, which reads the home."""
        return self._rsync(Jail(self.account, self._home, writable=False), rsync, until)

    def receiver(self, rsync: Sequence[str], until: float, stamp: str) -> list[str]:
        """rsync's other half, which fills the folder made by `make_room`."""
        return self._rsync(Jail(self.account, self._incoming(stamp), writable=True), rsync, until)

    def on_host(self, command: str, until: float) -> list[str]:
        """The argv that runs a shell command as root there, and ends it when we are gone."""
        left = max(1.0, until - time.monotonic())
        return [*self.ssh, on_host(command, user=self.user, root=True, seconds=left)]

    def failed(self, status: int, said: str) -> CopyFailed:
        """Why something did not work there."""
        match status:
            case _Status.LACKS:
                return CopyFailed(
                    f"{self.host} has no program {said or 'rsync'}, so homes can't be copied",
                    next_step=f"workshop host exec --on {self.host} "
                    f"'apt-get install --yes {_PACKAGES.get(said, said or 'rsync')}'",
                )
            case _Status.NO_HOME:
                return NoHome(f"{self.username} has no home on {self.host} yet")
            case _Status.OTHER_HOME:
                return CopyFailed(
                    f"the home of {self.username} on {self.host} is not the one that was copied "
                    "before; both are kept",
                    next_step="workshop up: it brings the copy there",
                )
            case _Status.SSH:
                return HostSilent(f"{self.host} does not answer: {said or 'no answer'}")
            case _:
                return CopyFailed(f"{self.host} ended with status {status}: {said or 'no word'}")

    def _rsync(self, jail: Jail, rsync: Sequence[str], until: float) -> list[str]:
        return self.on_host(f"exec {shlex.join([*jail.command(), *rsync])}", until)

    def _run(self, title: str, body: str, **values: object) -> str:
        until = time.monotonic() + _SHORT_SECONDS
        said = KeptOutput()
        command = script(title, body, **values, **self._values(), **_STATUSES)
        asked = Running(self.on_host(command, until), stdout=said)
        status = asked.wait(until)
        if status != 0:
            raise self.failed(status, asked.said)
        return said.content().decode(errors="replace")

    def _values(self) -> dict[str, object]:
        return {
            "username": self.username,
            "home": self._home,
            "homes": self.homes,
            "marks": self.homes.parent / "marks",
            "uid": self.account.uid,
            "gid": self.account.gid,
        }

    @property
    def _home(self) -> Path:
        return self.homes / self.username

    def _incoming(self, stamp: str) -> Path:
        return self.homes / f".{self.username}.incoming-{stamp}"


_STATUSES = {status.name.lower(): int(status) for status in _Status}
_PACKAGES = {"bwrap": "bubblewrap", "setpriv": "util-linux"}
