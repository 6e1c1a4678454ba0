"""Build a locked environment at its final place, once, for every account to read.

The folder's name holds a hash of everything that went in, so an environment is never
changed: another lock is another folder. A marker written last says that it is whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from platform import machine

from provisioning.environments.conda.build import ensure_built
from provisioning.environments.conda.channels import SETTING, Sources, channels_of, parse_channels
from provisioning.environments.conda.lock_file import read_lock_of
from provisioning.environments.conda.platforms import platform_of
from provisioning.environments.disk_room import (
    free_bytes,
    megabytes,
    size_of,
    uv_cache,
)
from provisioning.environments.files import EnvironmentFile
from provisioning.environments.kernel import kernel_description, offer_kernel
from provisioning.environments.lock_file import LockFile, read_lock_file
from provisioning.environments.uv import Outcome, clean_environment, explain, run_uv
from provisioning.environments.verify import verify_imports
from provisioning.errors import NotPossibleHere, StepFailed
from provisioning.folders import (
    closed_to_others,
    ensure_open_folder,
    locked,
    nearest_existing,
    open_to_readers,
    sync_folder,
    write_atomically,
)
from provisioning.interpreter import Interpreter

# Part of every identity: raise it when this module builds something else from a lock.
BUILDER_VERSION = 1

MARKER = ".complete"


@dataclass(frozen=True)
class Progress:
    """How far a build is: what is being done, how many of its steps are done, a detail."""

    what: str
    done: int
    total: int
    note: str = ""


@dataclass(frozen=True)
class Environment:
    """A whole environment; `how` is a sentence for people, `fresh` says built just now."""

    name: str
    prefix: Path
    python: Path
    identity: str
    how: str
    fresh: bool

    @property
    def kernels(self) -> Path | None:
        """What to add to JUPYTER_PATH so that its kernel is offered, if it has one."""
        share = self.prefix / "share/jupyter"
        return share if (share / "kernels" / self.name).exists() else None


def ensure_environment(
    file: EnvironmentFile,
    lock: Path,
    root: Path,
    *,
    interpreter: Interpreter,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Environment:
    """The environment of `file` and `lock` below `root`, built unless it is there.

    A file that asks for more than python, pip and a pip section has a lock for each kind of
    machine (NAME.linux-64.lock): that is used instead of `lock`. Mirrors of its channels are
    named by the environment variable WORKSHOP_CHANNEL.
    """
    if not file.pip_only:
        return _from_channels(file, root, on_progress)
    _refuse_other_python(file, interpreter)
    return _Build(file, read_lock_file(file, lock), root, interpreter, on_progress).ensure()


def _from_channels(
    file: EnvironmentFile, root: Path, on_progress: Callable[[Progress], None]
) -> Environment:
    """Packages of conda channels, by the file's lock for this kind of machine."""
    platform = platform_of("arm64" if machine() == "aarch64" else "x86_64", gpu=False)
    lock = read_lock_of(file, platform)
    mirrors = parse_channels(os.environ.get(SETTING, "").split())
    built = ensure_built(
        lock,
        root,
        Sources(mirrors, root.parent / "cache/conda"),
        prefixes=root,
        progress=lambda *at: on_progress(Progress(*at)),
    )
    how = f"built from {lock.path}, with packages of {', '.join(channels_of(file))}"
    python = built.folder / built.python
    return Environment(file.name, built.folder, python, built.identity, how, built.fresh)


def _refuse_other_python(file: EnvironmentFile, interpreter: Interpreter) -> None:
    if interpreter.minor != file.python:
        raise NotPossibleHere(
            f"{file.source} asks for Python {file.python}, and {interpreter.path} is "
            f"Python {interpreter.version}",
            next_step=f"install Python {file.python} where every account can run it",
        )


@dataclass(frozen=True)
class _Build:
    """One environment, from its lock to its marker."""

    file: EnvironmentFile
    lock: LockFile
    root: Path
    interpreter: Interpreter
    on_progress: Callable[[Progress], None]

    @property
    def has_kernel(self) -> bool:
        return self.file.asks_for("ipykernel")

    @property
    def identity(self) -> str:
        kernel = kernel_description(self.file.name, Path(), self.interpreter.minor)
        parts = {
            "lock": self.lock.identity,
            "python": self.interpreter.version,
            "interpreter": str(self.interpreter.real),
            "builder": BUILDER_VERSION,
            "kernel": kernel if self.has_kernel else None,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def prefix(self) -> Path:
        return self.root / f"{self.file.name}-{self.identity}"

    @property
    def whole(self) -> bool:
        return (self.prefix / MARKER).exists()

    def ensure(self) -> Environment:
        if self.whole:
            return self._environment(fresh=False)
        try:
            ensure_open_folder(self.root)
            self._refuse_private_root()
            with locked(self.root / f".{self.prefix.name}.lock", on_wait=self._wait) as lock:
                if self.whole:  # somebody else has just built it
                    return self._environment(fresh=False)
                shutil.rmtree(self.prefix, ignore_errors=True)  # what a killed build left
                self._build_or_leave_nothing(lock)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._disk_full(0) from error
            raise
        return self._environment(fresh=True)

    def _environment(self, *, fresh: bool) -> Environment:
        how = (
            f"built as a plain virtual environment from {self.file.source}: the file asks for "
            "nothing but python, pip and a pip section, so no conda channel is needed"
        )
        python = self.prefix / "bin/python"
        return Environment(self.file.name, self.prefix, python, self.identity, how, fresh)

    def _refuse_private_root(self) -> None:
        closed = closed_to_others(self.root) if os.geteuid() == 0 else None
        if closed:
            raise NotPossibleHere(
                f"seats run under accounts of their own, and those can't enter {closed}, "
                f"so no environment can be used in {self.root}",
                next_step=f"leave WORKSHOP_STATE unset, or let others enter: chmod o+x {closed}",
            )

    def _build_or_leave_nothing(self, lock: int) -> None:
        try:
            self._build(lock)
        except BaseException as error:
            used = size_of(self.prefix)
            shutil.rmtree(self.prefix, ignore_errors=True)
            if isinstance(error, _DiskFullError) or (
                isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            ):
                raise self._disk_full(used) from error
            raise

    def _build(self, lock: int) -> None:
        self._tell("making the virtual environment", 0)
        self._make_venv(lock)
        self._tell("installing packages", 1)
        self._install(lock)
        if self.has_kernel:
            offer_kernel(self.file.name, self.prefix, self.interpreter.minor)
        open_to_readers(self.prefix)
        self._tell("importing its packages", 2)
        verify_imports(self.prefix, [name for name in self.lock.pins if self.file.asks_for(name)])
        self._tell("writing it to disk", 3)
        self._mark_whole()
        self._tell("ready", 4)

    def _make_venv(self, lock: int) -> None:
        finished = subprocess.run(
            # Without pip: all that is in an environment comes from its lock.
            [self.interpreter.path, "-I", "-m", "venv", "--without-pip", self.prefix],
            capture_output=True,
            text=True,
            env=clean_environment(os.environ),
            umask=0o022,
            pass_fds=(lock,),
            check=False,
        )
        if finished.returncode != 0:
            said = tuple((finished.stdout + finished.stderr).strip().splitlines())
            outcome = Outcome(finished.returncode, said)
            self._refuse_full_disk(outcome)
            raise StepFailed(
                f"{self.interpreter.path} can't make a virtual environment:\n{outcome.last_lines}",
                next_step="apt-get install python3-venv",
            )

    def _install(self, lock: int) -> None:
        outcome = run_uv(
            [
                "pip", "install", "--python", str(self.prefix / "bin/python"),
                "--require-hashes", "--no-deps",
                # Wheels only, but for what from-source.txt names: a source runs its own code here.
                *self.lock.from_source.installing(),
                # Copies: a link would share its bytes with a cache that others may own.
                "--link-mode", "copy",
                # Seats can't write here, so they could never keep what they compile.
                "--compile-bytecode",
                "-r", str(self.lock.path),
            ],
            keep_open=(lock,),
            on_line=lambda line: self._tell("installing packages", 1, line),
        )  # fmt: skip
        if outcome.status != 0:
            self._refuse_full_disk(outcome)
            raise explain(outcome, task=f"Building {self.file.name}", lock=self.lock.path)

    def _refuse_full_disk(self, outcome: Outcome) -> None:
        # Not everything that fails for want of space says so.
        if outcome.disk_full or free_bytes(self.root) < 2**20:
            raise _DiskFullError

    def _mark_whole(self) -> None:
        os.sync()  # the files reach the disk before the marker that vouches for them
        built = {**asdict(self._environment(fresh=True)), "lock": self.lock.path}
        write_atomically(self.prefix / MARKER, json.dumps(built, indent=1, default=str).encode())
        sync_folder(self.root)

    def _disk_full(self, used: int) -> StepFailed:
        full = min((self.root, nearest_existing(uv_cache())), key=free_bytes)
        return StepFailed(
            f"building {self.file.name} needs more than {megabytes(used)}, and the disk of "
            f"{full} is full ({megabytes(free_bytes(full))} free now); nothing was left in "
            f"{self.root}",
            next_step="free some space, or set WORKSHOP_STATE to a folder on a larger disk, "
            "then run the same command again",
        )

    def _wait(self) -> None:
        self._tell("waiting for another build of it", 0)

    def _tell(self, what: str, done: int, note: str = "") -> None:
        self.on_progress(Progress(f"{self.file.name}: {what}", done, 4, note))


class _DiskFullError(Exception):
    pass
