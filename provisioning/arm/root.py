"""Build the Arm machine's file system: Debian's Python for arm64, TVM's wheel, an emulator.

Nothing is installed on this machine and no foreign architecture is added to it. Debian's
packages are fetched by apt, with lists of its own, and checked by apt as always against
Debian's signature. Wheels are the ones whose hashes stand in the lock of the notebooks'
environment, so that both ends of a connection have the same TVM.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.arm.layout import EMULATOR, SITE
from provisioning.errors import BadInput, NotPossibleHere, Place, StepFailed
from provisioning.folders import (
    ensure_open_folder,
    locked,
    open_to_readers,
    sync_folder,
    write_atomically,
)

#: Raise it when this module builds something else from the same lock.
BUILDER_VERSION = 2
MARKER = ".complete"

#: With what they depend on, a Python that can import TVM.
DEBIAN_PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6", "zlib1g")
#: What TVM's RPC server imports.
WHEELS = ("apache-tvm", "apache-tvm-ffi", "ml-dtypes", "numpy", "psutil", "typing-extensions")
#: pip takes each of these as it stands; Debian's own C library is newer than all of them.
PLATFORMS = tuple(
    f"manylinux{glibc}_aarch64" for glibc in ("_2_28", "_2_27", "_2_26", "_2_24", "_2_17", "2014")
)


@dataclass(frozen=True)
class ArmRoot:
    """A whole Arm file system; `emulator` is None where the processor is an Arm itself."""

    folder: Path
    emulator: Path | None
    fresh: bool


def ensure_arm_root(
    lock: Path, root: Path, *, on_progress: Callable[[str], None] = lambda what: None
) -> ArmRoot:
    """The Arm root for the TVM of `lock`, below `root`, built unless it is there."""
    requirements = locked_wheels(lock)
    identity = hashlib.sha256(
        f"{BUILDER_VERSION} {DEBIAN_PACKAGES} {requirements}".encode()
    ).hexdigest()[:12]
    return _Build(root / f"arm-{identity}", requirements, lock, on_progress).ensure()


def locked_wheels(lock: Path) -> str:
    """The lock's lines for what the Arm side imports, hashes included."""
    found = {}
    for entry in re.split(r"\n(?=\S)", lock.read_text()):
        name = entry.partition("==")[0].strip()
        if name in WHEELS:
            found[name] = entry.rstrip()
    if missing := [name for name in WHEELS if name not in found]:
        raise BadInput(
            Place(lock),
            f"has no {', '.join(missing)}",
            "name apache-tvm in the environment's file and lock it again",
        )
    return "\n".join(found[name] for name in WHEELS) + "\n"


@dataclass(frozen=True)
class _Build:
    folder: Path
    requirements: str
    lock: Path
    on_progress: Callable[[str], None]

    def ensure(self) -> ArmRoot:
        ensure_open_folder(self.folder.parent)
        with locked(self.folder.parent / f".{self.folder.name}.lock"):
            fresh = not (self.folder / MARKER).exists()
            if fresh:
                self._build_or_leave_nothing()
        needed = platform.machine() != "aarch64"
        return ArmRoot(self.folder, self.folder / EMULATOR if needed else None, fresh)

    def _build_or_leave_nothing(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # what a killed build left
        self.folder.mkdir(mode=0o755)
        try:
            with tempfile.TemporaryDirectory(prefix="arm-", dir=self.folder) as scratch:
                self._build(Path(scratch))
            os.sync()  # the files reach the disk before the marker that vouches for them
            write_atomically(self.folder / MARKER, self.requirements.encode())
            sync_folder(self.folder.parent)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _build(self, scratch: Path) -> None:
        self.on_progress("fetching Debian's Python for Arm")
        for package in fetch_packages("arm64", DEBIAN_PACKAGES, scratch):
            _run("dpkg-deb", "--extract", str(package), str(self.folder))
        self.on_progress("installing TVM for Arm")
        self._install_wheels(scratch)
        self._compile()
        if platform.machine() != "aarch64":
            self.on_progress("fetching the emulator")
            self._add_emulator(scratch)
        # What the jail mounts on.
        for name in ("proc", "dev", "tmp", "server"):
            (self.folder / name).mkdir(exist_ok=True)
        open_to_readers(self.folder)

    def _install_wheels(self, scratch: Path) -> None:
        """By pip, which is in the hub's environment too: uv is only on the instructor's side."""
        wanted = scratch / "wheels.txt"
        wanted.write_text(self.requirements)
        _run(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input"),
            *("--disable-pip-version-check", "--no-compile", "--target", str(self.folder / SITE)),
            *(word for name in PLATFORMS for word in ("--platform", name)),
            *("--python-version", "3.11", "--implementation", "cp"),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(wanted)),
        )

    def _compile(self) -> None:
        """Bytecode is the same on every processor, and an emulated one takes long to make it."""
        if sys.version_info[:2] == (3, 11):
            folders = [self.folder / SITE, self.folder / "usr/lib/python3.11"]
            options = ("-q", "-s", str(self.folder), "--invalidation-mode", "unchecked-hash")
            _run(sys.executable, "-m", "compileall", *options, *map(str, folders))

    def _add_emulator(self, scratch: Path) -> None:
        """Of Debian's package only the one program that is needed; its others fill 370 MB."""
        found = shutil.which(EMULATOR)
        if found is None:
            for package in fetch_packages(None, ("qemu-user-static",), scratch / "here"):
                _run("dpkg-deb", "--extract", str(package), str(scratch / "emulator"))
            found = str(scratch / "emulator/usr/bin" / EMULATOR)
        shutil.copyfile(found, self.folder / EMULATOR)
        (self.folder / EMULATOR).chmod(0o755)


def fetch_packages(
    architecture: str | None, names: Sequence[str], scratch: Path
) -> tuple[Path, ...]:
    """Download Debian packages, for another architecture with all that they depend on.

    apt gets lists and a cache of its own and a machine on which nothing is installed, so it
    works without root and leaves the real ones alone.
    """
    if shutil.which("apt-get") is None:
        raise NotPossibleHere(
            "the Arm machine is made of Debian packages, and there is no apt-get here",
            next_step="use Debian, or give the address of a real Arm host in WORKSHOP_ARM_RPC",
        )
    cache = scratch / "cache/archives"
    (cache / "partial").mkdir(parents=True)
    if architecture is None:
        _run("apt-get", "download", "-q", "-oAPT::Sandbox::User=root", *names, folder=cache)
        return tuple(sorted(cache.glob("*.deb")))
    (scratch / "lists/partial").mkdir(parents=True)
    apt = (
        "apt-get", "-q", "-y", "-oAPT::Sandbox::User=root", "-oDebug::NoLocking=1",
        f"-oAPT::Architecture={architecture}", f"-oAPT::Architectures={architecture}",
        f"-oDir::State::Lists={scratch / 'lists'}", f"-oDir::Cache={scratch / 'cache'}",
        "-oDir::State::status=/dev/null",
    )  # fmt: skip
    _run(*apt, "update")
    _run(*apt, "install", "--download-only", "--no-install-recommends", *names)
    return tuple(sorted(cache.glob("*.deb")))


def _run(*command: str, folder: Path | None = None) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise StepFailed(
            f"`{command[0]}` could not do its part of building the Arm machine:\n{said}",
            next_step="check that this machine reaches Debian's packages (as root: apt-get "
            "update), then run the same command again",
        )
