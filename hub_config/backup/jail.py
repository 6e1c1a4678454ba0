"""Where rsync runs, at both ends: one folder, the seat's own number, no network, no way out.

What is copied was made by attendees. Whoever lists, sends or receives it is a process that can
reach no more than that one seat's files, so that a link, a race or a fault of rsync's reaches
no more either. Nothing that reads file contents runs as root.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hub_config.install import Owner

#: What a listing of 100,000 entries and rsync's own list of them need, and room.
MEMORY_BYTES = 10**9
#: The folder as the process in the jail sees it.
INSIDE = "/seat"
#: On a merged-/usr system links; bubblewrap binds what they point to.
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")


@dataclass(frozen=True)
class Jail:
    """One folder, seen as /seat, for one account. `files`: single files besides, read only."""

    account: Owner
    folder: Path
    writable: bool
    files: tuple[tuple[Path, str], ...] = ()

    def command(self) -> list[str]:
        """What to put before the command, run as root. bubblewrap's namespaces end with it."""
        bind = "--bind" if self.writable else "--ro-bind"
        own = [part for file, inside in self.files for part in ("--ro-bind", str(file), inside)]
        return [
            *("bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
            *("--die-with-parent", "--new-session", "--clearenv"),
            *("--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LC_ALL", "C.UTF-8"),
            *("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
            *("--ro-bind", "/usr", "/usr"),
            *(part for each in _SYSTEM for part in ("--ro-bind-try", each, each)),
            *("--dev", "/dev", "--size", "1048576", "--tmpfs", "/tmp"),  # noqa: S108 - its own
            *(bind, str(self.folder), INSIDE, *own, "--chdir", "/", "--"),
            *("setpriv", f"--reuid={self.account.uid}", f"--regid={self.account.gid}"),
            *("--clear-groups", "--inh-caps=-all", "--no-new-privs", "--"),
            # Only now: without its rights, root can't enter a home. Whoever works comes first.
            *(
                "env",
                f"--chdir={INSIDE}",
                "nice",
                "-n",
                "10",
                "prlimit",
                f"--data={MEMORY_BYTES}",
                "--core=0",
                "--",
            ),
        ]
