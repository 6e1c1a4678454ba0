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


@dataclass(frozen=True)
class Fittings:
    """What a jail that root builds has besides: the seat's own account files, the folder with
    the socket that kernels are asked for at, and the device files of its graphics card."""

    passwd: Path
    group: Path
    sockets: Path
    devices: tuple[Path, ...] = ()


#: Where `Fittings.sockets` is in the jail.
SOCKETS_INSIDE = "/run/workshop"
#: As deep as /etc, because links in there lead to ../run and ../usr.
_HOST_ETC = "/.etc"
#: A link to the seat's home that has the same name in every jail.
HOME_LINK = "/run/home"


def seat_jail(view: SeatView) -> list[str]:
    """The command to put before the server's own, for whoever may become the seat only."""
    return [
        "bwrap",
        "--unshare-user",
        *_own_namespaces(view),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
        *_scratch("/tmp"),  # noqa: S108 - the jail's own
        *_scratch("/var/tmp"),  # noqa: S108
        *_scratch("/run"),
        *_resolver(),
        *_work(view),
        *("--chdir", view.home_inside),
        "--",
    ]


def root_jail(view: SeatView, fittings: Fittings) -> list[str]:
    """The command to put before what holds the jail open; seats enter it and give up root.

    The jail belongs to root, so a seat can neither change nor end it, and hosts that forbid
    user namespaces to ordinary accounts (Ubuntu 24.04) have nothing to forbid.
    """
    return [
        "bwrap",
        *_own_namespaces(view),
        *_programs(),
        *_etc(fittings),
        *("--proc", "/proc", "--dev", "/dev"),
        *_scratch("/dev/shm", mode="1777"),  # noqa: S108
        *_scratch("/tmp", mode="1777"),  # noqa: S108
        *_scratch("/var/tmp", mode="1777"),  # noqa: S108
        *_scratch("/run"),
        *_resolver(),
        *("--ro-bind", str(fittings.sockets), SOCKETS_INSIDE),
        *("--symlink", view.home_inside, HOME_LINK),
        *_devices(fittings.devices),
        *_ways((*view.read_only, Path(view.home_inside))),
        *_work(view),
        # What holds the jail open has no right of root, not even to enter the home.
        *("--chdir", "/", "--cap-drop", "ALL"),
        "--",
    ]


def _own_namespaces(view: SeatView) -> list[str]:
    return ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", view.workshop]


def _work(view: SeatView) -> list[str]:
    return [
        *_read_only(view.read_only),
        *("--bind", str(view.home), view.home_inside),
    ]


def _ways(paths: Iterable[Path]) -> list[str]:
    """Folders on the way to what is bound, open to all: bwrap makes them for root alone."""
    ways = {way for path in paths for way in path.parents} - {Path("/")}
    ordered = sorted(ways, key=lambda way: len(way.parts))
    return [arg for way in ordered for arg in ("--perms", "0755", "--dir", str(way))]


def _devices(devices: tuple[Path, ...]) -> list[str]:
    # CUDA asks /sys which processor is near to the card.
    see = ["--ro-bind", "/sys", "/sys"] if devices else []
    return see + [arg for device in devices for arg in ("--dev-bind", str(device), str(device))]


def _system() -> list[str]:
    return [*_programs(), "--ro-bind", "/etc", "/etc"]


def _etc(fittings: Fittings) -> list[str]:
    """/etc with account files of the seat's own.

    They are not mounted over the host's: Linux takes such a mount away, in every jail, as soon
    as the host writes a new /etc/passwd. So /etc is made of links to the host's.
    """
    own = {"passwd": fittings.passwd, "group": fittings.group}
    args = ["--ro-bind", "/etc", _HOST_ETC, "--perms", "0755", "--dir", "/etc"]
    for name in sorted({path.name for path in Path("/etc").iterdir()} - own.keys()):
        args += ["--symlink", f"{_HOST_ETC}/{name}", f"/etc/{name}"]
    for name, file in own.items():
        args += ["--ro-bind", str(file), f"/etc/{name}"]
        args += ["--ro-bind", str(file), f"{_HOST_ETC}/{name}"]
    return args


def _programs() -> list[str]:
    args = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_FOLDERS:
        folder = Path("/", name)
        if folder.is_symlink():
            args += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            args += ["--ro-bind", str(folder), str(folder)]
    return args


def _scratch(where: str, mode: str = "") -> list[str]:
    access = ["--perms", mode] if mode else []
    return [*access, "--size", str(SCRATCH_BYTES), "--tmpfs", where]


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
