"""What the sessions' server sees of its machine: a Python with TVM, read-only, and no network."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from provisioning.arm.layout import EMULATOR, PYTHON, SITE
from provisioning.errors import NotPossibleHere

#: The processor of an A1 instance, where it is emulated.
CPU = "cortex-a72"
#: The server makes walls around each session and then gives these up; see `walls`.
_FOR_WALLS = ("CAP_SYS_ADMIN", "CAP_SETPCAP")
_CODE = "/server/provisioning/arm"


@dataclass(frozen=True)
class Machine:
    """Where the server runs: in an Arm root (see `root`), or in an environment of this host."""

    #: A folder that becomes "/"; None: this host's own /usr and `python`'s environment.
    root: Path | None
    python: Path
    emulated: bool

    @property
    def module_path(self) -> str:
        """PYTHONPATH inside: our code, and TVM where it is beside its Python."""
        return f"/server:/{SITE}" if self.root else "/server"


def machine_at(place: Path) -> Machine:
    """The machine of an Arm root (a folder), or of an interpreter that can import TVM."""
    if place.is_dir():
        return Machine(place, Path("/", PYTHON), emulated=(place / EMULATOR).exists())
    return Machine(None, place, emulated=False)


def jail_command(machine: Machine, *arguments: str) -> list[str]:
    """The command that runs `provisioning.arm.server` with these arguments in the jail."""
    if shutil.which("bwrap") is None:
        raise NotPossibleHere(
            "the Arm machine runs the class's code, and bubblewrap, its jail, isn't installed",
            next_step="apt-get install bubblewrap",
        )
    emulator = [f"/{EMULATOR}", "-cpu", CPU] if machine.emulated else []
    return [
        *("bwrap", "--unshare-user", "--uid", "0", "--gid", "0"),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"),
        *("--hostname", "arm", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *(arg for name in _FOR_WALLS for arg in ("--cap-add", name)),
        *_files(machine),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),  # noqa: S108 - the jail's own
        *("--tmpfs", "/server", "--dir", "/server/provisioning"),
        *("--ro-bind", str(Path(__file__).parent), _CODE),
        *("--remount-ro", "/server", "--remount-ro", "/"),
        *("--chdir", "/tmp", "--"),  # noqa: S108
        *emulator,
        *(str(machine.python), *(["-S"] if machine.root else [])),
        *("-m", "provisioning.arm.server", *arguments),
    ]


def _files(machine: Machine) -> list[str]:
    if machine.root:
        return ["--ro-bind", str(machine.root), "/"]
    shown = ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        folder = Path("/", name)
        if folder.is_symlink():
            shown += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            shown += ["--ro-bind", str(folder), str(folder)]
    environment = machine.python.parent.parent
    return [*shown, "--ro-bind", str(environment), str(environment)]
