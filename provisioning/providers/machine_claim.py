"""What we put on a machine that was there before us: taking it, clearing it, looking at it.

A file on the machine says which workshop uses it, so that two workshops can't share one by
mistake, and so that clearing works from any computer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provisioning.accounts import PREFIX, account_comment
from provisioning.errors import AlreadyTaken, StepFailed
from provisioning.ssh.connection import Connection
from provisioning.ssh.errors import last_of
from provisioning.ssh.kept_output import Finished
from provisioning.ssh.remote_command import script

_ROOT: Final = "/opt/workshop"
_TAKEN = 75

#: What `clear` removes and `look` finds.
KINDS: Final = ("process", "account", "unit", "file")

_MINE: Final = r"""
owner=$(cat "$root/claim" 2>/dev/null)
if [ -n "$owner" ] && [ "$owner" != "$workshop" ]; then echo "$owner"; exit "$taken"; fi
"""

# `ln` makes the claim whole or not at all, and only one of two workshops gets it.
_TAKE: Final = r"""
set -e
install -d -m 0755 "$root" "$root/environments" "$root/run"
install -d -m 0700 "$root/incoming"
new=$(mktemp "$root/.claim.XXXXXXXX")
trap 'rm -f "$new"' EXIT
printf '%s\n' "$workshop" >"$new"; chmod 0644 "$new"; sync "$new"
if ln -T "$new" "$root/claim" 2>/dev/null; then echo new; exit; fi
owner=$(cat "$root/claim")
[ "$owner" = "$workshop" ] || { echo "$owner"; exit "$taken"; }
echo old
"""

# Processes that a job started, and those whose program lies below our folder: kernels, relays.
_FIND: Final = r"""
processes() {
  { grep -lzs "^WORKSHOP_JOB=$root/" /proc/[0-9]*/environ | cut -d/ -f3
    for exe in /proc/[0-9]*/exe; do
      case "$(readlink "$exe")" in "$root"/*) exe=${exe%/exe}; echo "${exe#/proc/}";; esac
    done; } | sort -un; }
accounts() {
  getent passwd | while IFS=: read -r name _ _ _ comment _; do
    case "$name" in "$prefix"*) [ "$comment" != "$accounts" ] || echo "$name";; esac; done; }
units() {  # by their names alone they could be anybody's
  [ "$owner" = "$workshop" ] || return 0
  (cd /etc/systemd/system 2>/dev/null && ls -d workshop-* 2>/dev/null); }
"""

_CLEAR: Final = r"""
for signal in TERM KILL; do
  tries=0
  while found=$(processes) && [ -n "$found" ] && [ $tries -lt 30 ]; do
    [ $tries -gt 0 ] || kill -$signal $found 2>/dev/null
    sleep 0.1; tries=$((tries + 1))
  done
done
for name in $(accounts); do
  pkill -KILL -u "$name"
  userdel -- "$name" >/dev/null
done
for unit in $(units); do
  systemctl disable --now "$unit" >/dev/null 2>&1
  rm -rf -- "/etc/systemd/system/$unit"
done
[ ! -d /run/systemd/system ] || systemctl daemon-reload
rm -rf /usr/local/lib/workshop
if [ -d "$root" ]; then  # the claim last: a second try still knows whose this was
  find "$root" -xdev -mindepth 1 -maxdepth 1 ! -name claim -exec rm -rf -- {} +
  [ -n "$(processes)$(accounts)$(units)" ] || { rm -f "$root/claim"; rmdir "$root"; }
fi
exit 0
"""

_LOOK: Final = r"""
processes | while read -r pid; do
  echo "process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c 1-80)"; done
accounts | sed 's/^/account /'
units | sed 's/^/unit /'
for path in "$root"/* "$root"/.[!.]* /usr/local/lib/workshop; do
  [ ! -e "$path" ] || echo "file $path"; done
exit 0
"""


@dataclass(frozen=True)
class Leftover:
    """A thing of ours on a machine: one of KINDS, its pid, name or path, and what it is."""

    kind: str
    id: str
    what: str


def take(connection: Connection, workshop: str) -> bool:
    """Make the machine this workshop's, with our folders; False when it was already.

    Raises AlreadyTaken when another workshop uses it, and the SSH room's errors.
    """
    done = _run(connection, workshop, "take the machine", _MINE + _TAKE)
    if done.status == _TAKEN:
        other = done.stdout.decode(errors="replace").strip()
        raise AlreadyTaken(
            f"{connection.login.address} is used by the workshop {other}",
            next_step=f"end that one (`workshop down` with its file), or take the machine out of "
            f"the list; if {other} is over, remove {_ROOT}/claim there",
        )
    if done.status != 0:
        raise StepFailed(
            f"{connection.login.address}: {_ROOT} can't be made: {last_of(done.stderr)}",
            next_step=f"see that root can write to {_ROOT} there, then repeat the command",
        )
    return done.stdout.strip() == b"new"


def clear(connection: Connection, workshop: str) -> None:
    """End and remove everything of ours; nothing when another workshop uses the machine.

    Accounts of seats go, and their homes stay where those are not below /opt/workshop.
    """
    _run(connection, workshop, "clear the machine", _MINE + _FIND + _CLEAR)


def look(connection: Connection, workshop: str) -> tuple[Leftover, ...]:
    """What is there of ours; nothing when another workshop uses the machine.

    Raises StepFailed when it can't be listed, and the SSH room's errors.
    """
    done = _run(connection, workshop, "list what is left", _MINE + _FIND + _LOOK)
    if done.status == _TAKEN:
        return ()
    if done.status != 0:
        raise StepFailed(
            f"{connection.login.address}: what is left can't be listed: {last_of(done.stderr)}",
            next_step="`workshop down` again",
        )
    lines = done.stdout.decode(errors="replace").splitlines()
    parts = [line.split(" ", 2) for line in lines if line.partition(" ")[0] in KINDS]
    return tuple(Leftover(part[0], part[1], " ".join(part[2:])) for part in parts)


def _run(connection: Connection, workshop: str, title: str, body: str) -> Finished:
    command = script(
        title,
        body,
        root=_ROOT,
        workshop=workshop,
        taken=_TAKEN,
        prefix=PREFIX,
        accounts=account_comment(workshop),
    )
    return connection.run(command, seconds=120, check=False)
