"""Start the dispatcher in its jail: `python -m grader.scheduling.jailed SETTINGS`.

It sees the system's programs, its own interpreter and library, its settings and certificate, and
the one folder in which its socket lies; nothing of the workshop. Its processes are its own. The
network is the machine's, because workers report on loopback.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from grader.kernel_jail import prefixes, system_files
from grader.scheduling.settings import DispatcherSettings

LIBRARY = Path(__file__).parents[2]


def dispatcher_command(python: Path, settings_file: Path) -> list[str]:
    """The bubblewrap command line of the dispatcher."""
    settings = DispatcherSettings.model_validate_json(settings_file.read_text())
    tls = settings.tls
    shown = [*prefixes(python), LIBRARY / "grader"]
    shown += [settings_file, tls.authority, tls.certificate, tls.key]
    command = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    command += ["--unshare-cgroup-try", "--hostname", "dispatcher", "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--new-session", "--clearenv", "--proc", "/proc"]
    command += ["--dev", "/dev", "--tmpfs", "/tmp", *system_files()]  # noqa: S108 - the jail's
    for path in shown:
        command += ["--ro-bind", str(path), str(path)]
    socket_folder = str(settings.socket.parent)
    command += ["--bind", socket_folder, socket_folder, "--chdir", "/tmp"]  # noqa: S108
    for name, value in _environment().items():
        command += ["--setenv", name, value]
    # -P: nothing in the working folder can stand in for a module.
    return [
        *(*command, "--", str(python), "-P", "-m"),
        *("grader.scheduling.dispatcher", str(settings_file)),
    ]


def _environment() -> dict[str, str]:
    return {
        "HOME": "/tmp",  # noqa: S108 - the jail's own
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(LIBRARY),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def main(settings_file: Path) -> None:
    """Become the jailed dispatcher. Our own environment ends here."""
    command = dispatcher_command(Path(sys.executable), settings_file)
    os.execvpe(command[0], command, {"PATH": os.environ["PATH"]})  # noqa: S606 - no shell


if __name__ == "__main__":
    main(Path(sys.argv[1]))
