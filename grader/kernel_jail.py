"""Starts a kernel inside bubblewrap: what a kernelspec's argv runs instead of the kernel.

    python -m grader.kernel_jail CONNECTION_FILE LIMITS_JSON KERNEL_PYTHON

The kernel sees /usr, a little of /etc, its environment and the files beside the notebook (never
the notebooks: their hidden tests would be readable), all read-only, and empty memory disks to
write to. It has no network: it talks to us through sockets beside the connection file, so the
kernel manager's transport must be "ipc". This process becomes bubblewrap, so nothing outlives it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

#: Where the kernel works. It is a memory disk: what is written there is gone afterwards.
WORK = Path("/home/attendee/work")
_ETC = (
    "alternatives",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
)
#: Bookkeeping of nbgrader and of the exchange; no business of the code in the notebook.
_BOOKKEEPING = {"timestamp.txt", "submission_secret.txt", "snapshot.json"}
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class JailSpec:
    """One kernel's jail. `folder` is where the notebook lies."""

    connection_file: Path
    python: Path
    folder: Path
    limits: Mapping[str, int]


def jail_command(spec: JailSpec) -> list[str]:
    """The bubblewrap command line for a kernel."""
    scratch = str(spec.limits["scratch_megabytes"] * _MEGABYTE)
    command = ["bwrap", "--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    command += ["--hostname", "grading", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--clearenv", "--proc", "/proc", "--dev", "/dev", *system_files()]
    command += ["--size", scratch, "--tmpfs", "/tmp"]  # noqa: S108 - inside the jail
    command += ["--size", scratch, "--tmpfs", "/dev/shm"]  # noqa: S108 - inside the jail
    command += ["--size", scratch, "--tmpfs", str(WORK.parent), "--dir", str(WORK)]
    for prefix in prefixes(spec.python):
        command += ["--ro-bind", str(prefix), str(prefix)]
    for file in _data_files(spec.folder):
        command += ["--ro-bind", str(spec.folder / file), str(WORK / file)]
    # The kernel makes its sockets here; the folder is this kernel's alone.
    command += ["--bind", str(spec.connection_file.parent), str(spec.connection_file.parent)]
    for name, value in _environment().items():
        command += ["--setenv", name, value]
    command += ["--chdir", str(WORK), "--", *_limited(spec.limits)]
    # -I: nothing in the working folder can stand in for a module of the kernel.
    start = [str(spec.python), "-I", "-m", "ipykernel_launcher", "-f", str(spec.connection_file)]
    return [*command, *start, "--HistoryManager.enabled=False"]


def system_files() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        path = Path("/") / name
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for name in _ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def prefixes(python: Path) -> list[Path]:
    """The folders that hold an interpreter and its packages, /usr aside."""
    found = [python.parent.parent, python.resolve().parent.parent]
    outside = [prefix for prefix in found if not prefix.is_relative_to("/usr")]
    return list(dict.fromkeys(outside))


def _data_files(folder: Path) -> Iterator[Path]:
    """Regular files beside the notebook. A link could point at the gradebook: left out."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        linked = any((folder / part).is_symlink() for part in (relative, *relative.parents))
        secret = path.suffix == ".ipynb" or path.name in _BOOKKEEPING
        if path.is_file() and not linked and not secret and ".ipynb_checkpoints" not in path.parts:
            yield relative


def _environment() -> dict[str, str]:
    return {
        "HOME": str(WORK.parent),
        "USER": "attendee",
        "LOGNAME": "attendee",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "TMPDIR": "/tmp",  # noqa: S108 - inside the jail
        "MPLCONFIGDIR": "/tmp",  # noqa: S108 - inside the jail
        "PYTHONDONTWRITEBYTECODE": "1",
        # As many threads as a seat has: sums come out alike, and slots don't fight for cores.
        "OMP_NUM_THREADS": "1",
        "NBGRADER_EXECUTION": "autograde",
    }


def _limited(limits: Mapping[str, int]) -> list[str]:
    """Set inside the jail: the process limit then counts the jail's processes alone."""
    memory = limits["memory_megabytes"] * _MEGABYTE
    return [
        "/usr/bin/prlimit",
        f"--data={memory}",
        # Libraries reserve far more addresses than they use; shared memory counts only here.
        f"--as={4 * memory}",
        f"--nproc={limits['processes']}",
        f"--fsize={limits['file_megabytes'] * _MEGABYTE}",
        f"--cpu={limits['notebook_seconds']}",
        "--core=0",
        "--nofile=1024",
    ]


def main(argv: list[str]) -> None:
    """Become the jailed kernel. The working folder is the notebook's.

    Our own environment, with the grader's token, must end here: `--clearenv` empties the
    kernel's alone, and bubblewrap's own is readable from inside, as that of process 1.
    """
    connection_file, limits, python = argv
    command = jail_command(
        JailSpec(Path(connection_file), Path(python), Path.cwd(), json.loads(limits))
    )
    # No shell, and that is the point.
    os.execvpe(command[0], command, {"PATH": os.environ["PATH"]})  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
