"""An ordinary account of this machine with a private home, and workshops that it runs.

The home outlives the tests, so that environments are built in it once; the account doesn't.
Between two runs everything in the home belongs to root.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.paths import StatePaths
from tests.e2e.running import RunningWorkshop, write_workshop

CHECKOUT = Path(__file__).parents[2]
ACCOUNT = "wt-ordinary"
#: The rooms, and what `make` and a workshop need beside them.
TREE = ("provisioning", "hub_config", "grader", "coursework", "environments", "tests/e2e/course")
FILES = ("cli.py", "pyproject.toml", "Makefile", "README.md")
#: Settings of the package tools and of the network, which an account would have as well.
PASSED_ON = ("UV_", "PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy", "ALL_PROXY")


@dataclass(frozen=True)
class OrdinaryUser:
    """`project` is its own copy of the tree, with a command line in `project/.venv`."""

    uid: int
    gid: int
    home: Path

    @property
    def project(self) -> Path:
        return self.home / "project"

    @property
    def state_root(self) -> Path:
        """Where the command line keeps workshops when nobody says otherwise."""
        return self.home / ".local/state/workshop"

    def command(self, *command: str) -> list[str]:
        """Any command as this account: no group and no variable of ours comes along."""
        kept = [f"{key}={value}" for key, value in os.environ.items() if key.startswith(PASSED_ON)]
        identity = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        path = f"PATH={self.project}/.venv/bin:/usr/local/bin:/usr/bin:/bin"
        own = [f"HOME={self.home}", f"USER={ACCOUNT}", f"LOGNAME={ACCOUNT}", "LANG=C.UTF-8", path]
        return [
            *("setpriv", *identity, "--"),
            *("env", "-i", f"--chdir={self.project}", *kept, *own),
            *command,
        ]

    def run(
        self, *arguments: str, check: bool = True, timeout: float = 580
    ) -> subprocess.CompletedProcess[str]:
        """`workshop ARGUMENTS` to its end."""
        command = self.command("workshop", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def workshop(self, name: str, attendees: Sequence[str], extra: str = "") -> OrdinaryWorkshop:
        """A workshop's files, owned by this account; nothing is up yet."""
        course = self.project / "tests/e2e/course"
        made = write_workshop(self.home, name, attendees, course, extra)
        _give(made.spec.parent, self.uid, self.gid)
        shutil.rmtree(self.state_root / name, ignore_errors=True)
        return OrdinaryWorkshop(made.spec, StatePaths(self.state_root, name), user=self)


@dataclass
class OrdinaryWorkshop(RunningWorkshop):
    """A workshop whose every command is run by an ordinary account."""

    user: OrdinaryUser = field(kw_only=True)

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.user.run("-f", str(self.spec), *arguments, check=check)

    def command(self, *arguments: str) -> list[str]:
        return self.user.command("workshop", "-f", str(self.spec), *arguments)


@contextmanager
def ordinary_account(root: Path) -> Iterator[OrdinaryUser]:
    """Made, and removed at the end. One at a time on this machine: its home is kept."""
    home = root / "ordinary"
    home.mkdir(mode=0o700, exist_ok=True)
    with _alone(root / ".ordinary.lock"):
        user = _make_account(home)
        try:
            _bring_project(user)
            yield user
        finally:
            _remove_account()
            _give(home, 0, 0)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_account(home: Path) -> OrdinaryUser:
    _remove_account()  # of a run that was killed
    command = ["useradd", "--no-create-home", "--user-group", "--home-dir", str(home), ACCOUNT]
    subprocess.run(command, check=True, capture_output=True)
    uid, gid = (int(_said("id", option, ACCOUNT)) for option in ("-u", "-g"))
    return OrdinaryUser(uid, gid, home)


def _remove_account() -> None:
    if subprocess.run(["id", ACCOUNT], capture_output=True, check=False).returncode == 0:
        for pid in _said("ps", "-o", "pid=", "-u", ACCOUNT).split():
            subprocess.run(["kill", "-KILL", pid], capture_output=True, check=False)
        subprocess.run(["userdel", "--force", ACCOUNT], check=True, capture_output=True)


def _bring_project(user: OrdinaryUser) -> None:
    """A copy of the tree, a virtual environment for it, and the packages we have already."""
    _copy_tree(user.project)
    _share_packages(user.home / ".cache/uv")
    _give(user.home, user.uid, user.gid)
    python = user.project / ".venv/bin/python"
    locked = ["--require-hashes", "--no-deps", "-r", "environments/cli.lock"]
    itself = ["--no-deps", "--no-build-isolation", "--editable", "."]
    uv = [
        _uv(user.home.parent),
        "pip",
        "install",
        "--quiet",
        "--link-mode",
        "copy",
        "--python",
        str(python),
    ]
    steps = (
        ["/usr/bin/python3", "-m", "venv", "--without-pip", "--clear", ".venv"],
        [*uv, *locked],
        [*uv, *itself],
    )
    for step in steps:
        done = subprocess.run(user.command(*step), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _copy_tree(project: Path) -> None:
    shutil.rmtree(project, ignore_errors=True)
    for folder in TREE:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / folder, project / folder, ignore=ignored)
    for file in FILES:
        if (CHECKOUT / file).exists():
            shutil.copy(CHECKOUT / file, project / file)


def _share_packages(cache: Path) -> None:
    """A copy of the packages that we have, made once: nothing is fetched a second time."""
    ours = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache/uv")
    if not cache.exists() and ours.is_dir():
        cache.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", "--reflink=auto", ours, cache], check=True)


def _uv(folder: Path) -> str:
    """uv where the account can run it: copied, because our own may lie in a private folder."""
    target = folder / "uv"
    shutil.copy(Path(sys.executable).with_name("uv"), target)
    target.chmod(0o755)
    return str(target)


def _give(folder: Path, uid: int, gid: int) -> None:
    command = ["chown", "--recursive", "--no-dereference", f"{uid}:{gid}", str(folder)]
    subprocess.run(command, check=True)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
