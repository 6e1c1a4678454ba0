"""Commands on a host that outlive the connection, and are found again by their name.

A job is a session of its own (setsid) with a folder: `command`, `log` (stdout and stderr),
`process` (pid, start time, boot id) and, when it has ended, `status`. The start time and the
boot id tell the job from another process that got its number, also after a reboot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from shlex import quote
from typing import Final, Literal

from provisioning.ssh.errors import (
    CommandFailed,
    JobBusy,
    RemoteDiskFull,
    SshError,
    says_disk_full,
)
from provisioning.ssh.remote_command import script
from provisioning.ssh.runner import Runner

#: Where jobs keep their folders, unless told otherwise.
RUNS: Final = "/opt/workshop/run"
JobState = Literal["running", "ended", "lost"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TAIL_BYTES = 4096
_OTHER_COMMAND = 75
_MARK = "workshop-job"

# What every script starts with. `stat` of /proc: the start time is field 22, and the 20th
# after the name, which may hold blanks and brackets itself (proc(5)).
_KNOW = """
umask 077
dir="$runs/$name"
started() { read -r line <"/proc/$1/stat" || return 0
  set -- ${line##*) }; [ "$1" = Z ] || echo "${20}"; } 2>/dev/null
boot() { cat /proc/sys/kernel/random/boot_id; }
state() {
  if [ -s "$dir/status" ]; then echo "ended $(cat "$dir/status")"; return; fi
  [ -e "$dir/command" ] || { echo "never -"; return; }
  pid=-; start=-; boot=-; read -r pid start boot <"$dir/process" 2>/dev/null || :
  if [ "$boot" = "$(boot)" ] && [ "$(started "$pid")" = "$start" ]
  then echo "running -"
  elif [ -s "$dir/status" ]; then echo "ended $(cat "$dir/status")"
  else echo "lost -"; fi; }
tell() { echo "$mark $(state)"; [ ! -e "$dir/log" ] || tail -c "$most" -- "$dir/log"; }
"""

# The lock keeps two starters apart; the job must not inherit it. The job notes who it is
# before it starts its command, and the starter waits for that. A note that a power cut takes
# away makes the job `lost`, which it is then.
_START = """
set -e
mkdir -p -m 755 -- "$runs"; mkdir -p -- "$dir"
exec 9>"$dir/lock"; flock 9
cat >"$dir/command.new"
if [ "$(state)" = "running -" ]; then
  cmp -s "$dir/command" "$dir/command.new" || exit "$other"
  tell; exit
fi
rm -f -- "$dir/status" "$dir/process" "$dir/log"
mv -f -- "$dir/command.new" "$dir/command"
WORKSHOP_JOB="$dir" setsid -f /bin/sh -c '
  umask 022
  dir=$1; read -r line <"/proc/$$/stat"; set -- ${line##*) }
  echo "$$ ${20} $(cat /proc/sys/kernel/random/boot_id)" >"$dir/process.new"
  mv "$dir/process.new" "$dir/process"
  /bin/sh "$dir/command"; echo "$?" >"$dir/status.new"
  mv "$dir/status.new" "$dir/status"; sync "$dir/status"
' job "$dir" </dev/null >"$dir/log" 2>&1 9>&-
tries=0
until [ -s "$dir/process" ] || [ $tries -ge 100 ]; do sleep 0.05; tries=$((tries + 1)); done
tell
"""

# Everything that the job started carries its folder in its environment. It is asked once; but
# what was started between a look and the kill is only killed after the next look.
_END = """
members() { grep -lzxF "WORKSHOP_JOB=$dir" /proc/[0-9]*/environ 2>/dev/null \
  | cut -d/ -f3 || :; }
for signal in TERM KILL; do
  tries=0
  while found=$(members) && [ -n "$found" ] && [ $tries -lt 30 ]; do
    [ $signal = TERM ] && [ $tries -gt 0 ] || kill -$signal $found 2>/dev/null || :
    sleep 0.1; tries=$((tries + 1))
  done
done
if [ "$(state)" = "lost -" ]; then echo 143 >"$dir/status"; fi
tell
"""


@dataclass(frozen=True)
class Job:
    """A job as it was when we looked.

    `ended` has a `status`. `lost`: it is gone without one, because the machine was restarted
    or somebody killed it. `tail`: the last 4 KiB of its output.
    """

    name: str
    state: JobState
    status: int | None
    tail: str


def start(runner: Runner, name: str, command: str, *, seconds: float, runs: PurePosixPath) -> Job:
    """Start `command` (a /bin/sh script, handed over by stdin) as root, under `name`.

    If it runs already, this is that job, so it can be repeated after a lost connection. A job
    that ended or was lost is started anew. Raises JobBusy when the name runs another command,
    RemoteDiskFull, and what `run` raises.
    """
    command_line = _script("start", _START, name, runs)
    done = runner.run(command_line, stdin=command.encode(), seconds=seconds, check=False)
    address = runner.login.address
    if done.status == _OTHER_COMMAND:
        raise JobBusy(
            address,
            f"the job {name} runs already, with another command",
            next_step=f"wait until {name} has ended, then repeat the command",
        )
    if says_disk_full(done.stderr):
        raise RemoteDiskFull(address, str(runs / name), None, None)
    if done.status != 0:
        raise CommandFailed(address, f"start the job {name}", done.status, done.stdout, done.stderr)
    job = read_answer(name, done.stdout)
    if job is None:
        raise SshError(address, f"the job {name} did not start", next_step="repeat the command")
    return job


def find(runner: Runner, name: str, *, seconds: float, runs: PurePosixPath) -> Job | None:
    """The job of this name, None if it was never started. Raises what `run` raises."""
    return read_answer(
        name, runner.run(_script("find", "tell", name, runs), seconds=seconds).stdout
    )


def end(runner: Runner, name: str, *, seconds: float, runs: PurePosixPath) -> Job | None:
    """End a job and all that it started: asked to first, killed after 3 s (status 143)."""
    return read_answer(name, runner.run(_script("end", _END, name, runs), seconds=seconds).stdout)


def names(runner: Runner, *, seconds: float, runs: PurePosixPath) -> tuple[str, ...]:
    """Every job that has a folder on the host, sorted."""
    folder = quote(str(runs))
    command = f"[ ! -d {folder} ] || ls -1 -- {folder}"
    listed = runner.run(command, seconds=seconds).stdout.decode(errors="replace")
    return tuple(sorted(line for line in listed.splitlines() if _NAME.fullmatch(line)))


def read_answer(name: str, answer: bytes) -> Job | None:
    """A script's answer: a line with state and status, then the end of the log.

    What a chatty login shell said before that line is passed over.
    """
    said = answer.decode(errors="replace")
    _, found, rest = f"\n{said}".partition(f"\n{_MARK} ")
    head, _, text = rest.partition("\n")
    state, _, status = head.partition(" ")
    if not found:
        return None
    match state:
        case "ended":
            # An unreadable status is one that a full disk cut off: the job did end.
            return Job(name, "ended", int(status) if status.isdecimal() else -1, text)
        case "running":
            return Job(name, "running", None, text)
        case "lost":
            return Job(name, "lost", None, text)
        case _:
            return None


def _script(verb: str, body: str, name: str, runs: PurePosixPath) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a job's name: {_NAME.pattern}")
    return script(
        f"{verb} the job {name}",
        _KNOW + body,
        runs=runs,
        name=name,
        mark=_MARK,
        other=_OTHER_COMMAND,
        most=_TAIL_BYTES,
    )
