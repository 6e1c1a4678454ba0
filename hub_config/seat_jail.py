"""The bubblewrap jail of one seat: a home, the environments, and nothing of anybody else.

As root the seat's own UNIX account already keeps others out; the jail adds a private
/tmp and /run, so that nothing of a seat stays behind, and a process namespace, so that
ending one process ends all of the seat. As an ordinary user the jail is all there is.
The network is the machine's: the proxy has to reach the server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SCRATCH_BYTES = 512 * 1024**2
#: Links on a merged-/usr system, folders on others.
SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
#: /etc/resolv.conf may point here.
RESOLVER = Path("/run/systemd/resolve")


@dataclass(frozen=True)
class SeatView:
    """What one seat may see. `read_only` keep their paths; the home becomes /home/<username>."""

    workshop: str
    username: str
    home: Path
    read_only: tuple[Path, ...]

    @property
    def home_inside(self) -> str:
        return f"/home/{self.username}"


def seat_jail(view: SeatView) -> list[str]:
    """The command to put before the server's own."""
    return [
        "bwrap",
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        *("--hostname", view.workshop),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
        *_scratch("/tmp"),  # noqa: S108 - the jail's own
        *_scratch("/var/tmp"),  # noqa: S108
        *_scratch("/run"),
        *_resolver(),
        *_read_only(view.read_only),
        *("--bind", str(view.home), view.home_inside),
        *("--chdir", view.home_inside),
        "--",
    ]


def _system() -> list[str]:
    args = ["--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"]
    for name in SYSTEM_FOLDERS:
        folder = Path("/", name)
        if folder.is_symlink():
            args += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            args += ["--ro-bind", str(folder), str(folder)]
    return args


def _scratch(where: str) -> list[str]:
    return ["--size", str(SCRATCH_BYTES), "--tmpfs", where]


def _resolver() -> list[str]:
    if not RESOLVER.is_dir():
        return []
    return ["--ro-bind", str(RESOLVER), str(RESOLVER)]


def _read_only(paths: Iterable[Path]) -> list[str]:
    # Shorter paths first: a later mount must not hide an earlier one below it.
    return [
        arg
        for path in sorted(set(paths), key=lambda path: len(path.parts))
        for arg in ("--ro-bind", str(path), str(path))
    ]
