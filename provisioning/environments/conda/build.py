"""Build a locked conda environment for its final place, in a folder beside others like it.

The packages are linked into a folder of this machine, with the paths of the place where they
will be used, so nothing has to be changed there. The folder's name holds a hash of all that
went in; it is whole, or it isn't there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from provisioning.environments.conda.bytecode import compile_modules
from provisioning.environments.conda.channel_files import refuse_other_content, settle_records
from provisioning.environments.conda.channels import Sources
from provisioning.environments.conda.lock_file import CondaLock, ReadLock
from provisioning.environments.conda.modules import asked_modules
from provisioning.environments.conda.progress import Progress, quiet
from provisioning.environments.conda.refusals import explain_install
from provisioning.environments.conda.wheels import WheelInstall, python_here
from provisioning.environments.conda.worker_process import WorkerFailed, ask_worker
from provisioning.environments.disk_room import (
    free_bytes,
    megabytes,
    size_of,
    uv_cache,
)
from provisioning.environments.kernel import offer_kernel
from provisioning.environments.manifest import PREFIXES
from provisioning.environments.shipping.on_host.tree import MARKER, listing
from provisioning.environments.uv import explain
from provisioning.environments.verify import verify_modules
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

# Part of every identity: raise it when this module builds something else from a lock.
BUILDER_VERSION = 1


@dataclass(frozen=True)
class Built:
    """A whole environment in `folder`, made to be used at `prefix`. Sizes in bytes."""

    name: str
    identity: str
    platform: str
    cuda: str | None
    folder: Path
    prefix: Path
    #: Its interpreter, relative to either.
    python: str
    lock_sha256: str
    tree_sha256: str
    #: Entries of the tree: files, links and folders.
    files: int
    unpacked_bytes: int
    #: Modules that prove that it works.
    imports: tuple[str, ...]
    fresh: bool


def identity_of(lock: ReadLock, prefixes: Path = PREFIXES) -> str:
    """12 hex digits that differ when another tree would be built."""
    parts = {"lock": lock.sha256, "builder": BUILDER_VERSION, "prefixes": str(prefixes)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def ensure_built(
    lock: ReadLock,
    root: Path,
    sources: Sources,
    *,
    prefixes: Path = PREFIXES,
    progress: Progress = quiet,
) -> Built:
    """The environment of `lock` in `root / NAME-IDENTITY`, built unless it is there.

    It is made for `prefixes / NAME-IDENTITY`, on a machine of the lock's platform. Where this
    machine can run it, its modules are imported once. Raises StepFailed and NotPossibleHere,
    and then leaves nothing in `root`.
    """
    return _Build(lock, root, sources, prefixes, progress).ensure()


@dataclass(frozen=True)
class _Build:
    read: ReadLock
    root: Path
    sources: Sources
    prefixes: Path
    progress: Progress

    @property
    def lock(self) -> CondaLock:
        return self.read.lock

    @property
    def label(self) -> str:
        return f"{self.lock.name}-{identity_of(self.read, self.prefixes)}"

    @property
    def folder(self) -> Path:
        return self.root / self.label

    @property
    def staging(self) -> Path:
        return self.root / f".{self.label}.new"

    @property
    def prefix(self) -> Path:
        return self.prefixes / self.label

    def ensure(self) -> Built:
        if found := self._recorded():
            return found
        try:
            ensure_open_folder(self.root)
            self._refuse_private_root()
            with locked(self.root / f".{self.label}.lock", on_wait=self._wait) as lock:
                if found := self._recorded():  # somebody else has just built it
                    return found
                return self._build_or_leave_nothing(lock)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._disk_full(0) from error
            raise

    def _refuse_private_root(self) -> None:
        closed = closed_to_others(self.root) if os.geteuid() == 0 else None
        if closed:
            raise NotPossibleHere(
                "packages are tried under an account that owns nothing, and it can't enter "
                f"{closed}, so nothing can be built in {self.root}",
                next_step=f"build in another folder, or let others enter: chmod o+x {closed}",
            )

    def _build_or_leave_nothing(self, lock: int) -> Built:
        for leftover in (self.staging, self.folder):  # what a killed build left
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            return self._build(lock)
        except BaseException as error:
            used = size_of(self.staging)
            shutil.rmtree(self.staging, ignore_errors=True)
            full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
            if full or isinstance(error, _DiskFullError):
                raise self._disk_full(used) from error
            raise

    def _build(self, lock: int) -> Built:
        self._tell("linking packages of its channels", 0)
        self._link(lock)
        channel_files = settle_records(self.staging, self.lock)
        self._tell("installing its pip section", 1)
        wheels = WheelInstall(
            self.lock, self.staging, self.prefix, (lock,), lambda line: self._tell(*_PIP, line)
        )
        self._install(wheels, channel_files)
        if "ipykernel" in self.lock.asked:
            offer_kernel(self.lock.name, self.prefix, self.lock.python_minor, folder=self.staging)
        self._tell("compiling", 2)
        python = python_here(self.lock, self.staging)
        compile_modules(self.staging, self.prefix, python, keep_open=(lock,))
        open_to_readers(self.staging)
        self._tell("importing its packages", 3)
        modules = asked_modules(self.lock, wheels.site_packages)
        self._try(modules)
        self._tell("writing it to disk", 4)
        built = self._measured(modules)
        self._put_in_place(built)
        self._tell("ready", 5)
        return built

    def _link(self, lock: int) -> None:
        refuse_other_content(self.lock, self.sources.channels)
        request = {
            "do": "install",
            "packages": [package.located(self.sources.channels) for package in self.lock.packages],
            "subdir": self.lock.machine.subdir,
            "folder": str(self.staging),
            "prefix": str(self.prefix),
            "cache": str(self.sources.cache),
        }
        try:
            ask_worker(
                request,
                on_step=lambda done, total, what: self._tell(
                    "linking packages of its channels", 0, f"{what} ({done} of {total})"
                ),
                keep_open=(lock,),
            )
        except WorkerFailed as error:
            if error.disk_full or free_bytes(self.root) < 2**20:
                raise _DiskFullError from error
            raise explain_install(error, self.lock, self.sources.channels) from error

    def _install(self, wheels: WheelInstall, channel_files: frozenset[str]) -> None:
        if not self.lock.wheels:
            return
        outcome = wheels.install(channel_files)
        if outcome.status != 0:
            if outcome.disk_full or free_bytes(self.root) < 2**20:
                raise _DiskFullError
            raise explain(outcome, task=f"Building {self.lock.name}", lock=self.read.path)

    def _try(self, modules: tuple[str, ...]) -> None:
        """Import what was asked for, where that says something: not without the GPU's driver."""
        if not self.lock.machine.native or self.lock.cuda is not None:
            return
        try:
            verify_modules(self.staging, modules, label=self.label)
        except NotPossibleHere:  # a library of the system is missing
            # Hosts have libraries of their own, and it is tried there once more.
            if self.prefixes == self.root:
                raise

    def _measured(self, imports: tuple[str, ...]) -> Built:
        digest, files, size = hashlib.sha256(), 0, 0
        for line in listing(self.staging):
            digest.update(line)
            files += 1
            kind, *facts = json.loads(line)
            size += facts[2] if kind == "f" else 0
        return Built(
            name=self.lock.name,
            identity=identity_of(self.read, self.prefixes),
            platform=self.lock.platform,
            cuda=self.lock.cuda,
            folder=self.folder,
            prefix=self.prefix,
            python="bin/python",
            lock_sha256=self.read.sha256,
            tree_sha256=digest.hexdigest(),
            files=files,
            unpacked_bytes=size,
            imports=imports,
            fresh=True,
        )

    def _put_in_place(self, built: Built) -> None:
        facts = json.dumps(asdict(built), indent=1, default=str)
        write_atomically(self.staging / MARKER, facts.encode())
        os.sync()  # the files reach the disk before the name that vouches for them
        self.staging.rename(self.folder)
        sync_folder(self.root)

    def _recorded(self) -> Built | None:
        """What is there and whole; None also for a marker that can't be understood."""
        try:
            facts = json.loads((self.folder / MARKER).read_text())
            built = Built(**{**facts, "imports": tuple(facts["imports"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        # A folder of builds may have been moved since.
        return replace(built, folder=self.folder, prefix=self.prefix, fresh=False)

    def _disk_full(self, used: int) -> StepFailed:
        places = (self.root, self.sources.cache, uv_cache())
        full = min(map(nearest_existing, places), key=free_bytes)
        return StepFailed(
            f"building {self.lock.name} needs more than {megabytes(used)}, and the disk of "
            f"{full} is full ({megabytes(free_bytes(full))} free now); nothing was left in "
            f"{self.root}",
            next_step="free some space, or set WORKSHOP_STATE to a folder on a larger disk, "
            "then run the same command again",
        )

    def _wait(self) -> None:
        self._tell("waiting for another build of it", 0)

    def _tell(self, what: str, done: int, note: str = "") -> None:
        self.progress(f"{self.lock.name} for {self.lock.platform}: {what}", done, 5, note)


_PIP = ("installing its pip section", 1)


class _DiskFullError(Exception):
    pass
