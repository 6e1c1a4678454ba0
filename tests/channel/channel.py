"""A conda channel made here: `channel()` is its folder, built once and kept between runs.

Python for x86 and Arm, a few real wheels, and packages made up for the tests. Beside it is a
small Arm system (Debian's libraries and an emulator) that runs what is built for Arm.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from provisioning.arm.layout import EMULATOR
from provisioning.arm.root import fetch_packages
from provisioning.folders import locked
from tests.channel.cpython import DEBIAN, cpython
from tests.channel.made import made
from tests.channel.package import Package, write_repodata
from tests.channel.wheels import download, from_wheel

KEPT = Path("/var/tmp/workshop-tests")

#: Two versions of one package can't be downloaded at once.
PURE = (("six==1.16.0",), ("six==1.17.0", "pip==25.3"))
COMPILED = ("markupsafe==3.0.3",)
WHEEL_PLATFORMS = {
    "linux-64": "manylinux2014_x86_64",
    "linux-aarch64": "manylinux2014_aarch64",
}


@dataclass(frozen=True)
class Channel:
    """The folder of the channel, an Arm system's root and how to run a program of it."""

    folder: Path
    arm_root: Path
    emulator: Path

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def on_arm(self, *command: object) -> list[str]:
        """The command that runs `command`, a program for Arm, on this machine."""
        words = [str(word) for word in command]
        if platform.machine() == "aarch64":
            return words
        return [str(self.emulator), "-cpu", "cortex-a72", "-L", str(self.arm_root), *words]


def channel() -> Channel:
    """The channel, made when it isn't there yet (some 20 s)."""
    KEPT.mkdir(exist_ok=True)
    KEPT.chmod(0o755)
    folder = KEPT / f"channel-{_recipe()}"
    with locked(KEPT / f".{folder.name}.lock"):
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=".channel-", dir=KEPT))
            try:
                _make(unfinished)
                unfinished.chmod(0o755)
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
            forget_old("channel-")
        os.utime(folder)
    return Channel(folder / "channel", folder / "arm", folder / EMULATOR)


def forget_old(prefix: str) -> None:
    """Remove what no test has used for three days."""
    for folder in (*KEPT.glob(f"{prefix}*"), *KEPT.glob(f".{prefix}*")):
        if folder.is_dir() and time.time() - folder.stat().st_mtime > 3 * 86400:
            shutil.rmtree(folder, ignore_errors=True)


def _recipe() -> str:
    """Another recipe is another folder."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def _make(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="channel-", dir=folder) as name:
        scratch = Path(name)
        packages = [*made(), *_pure(scratch)]
        for subdir in DEBIAN:
            python, root = cpython(subdir, scratch)
            packages += [python, *_compiled(subdir, scratch)]
            if subdir == "linux-aarch64":
                (folder / "arm").mkdir()
                for libraries in ("lib", "usr/lib/aarch64-linux-gnu"):
                    shutil.copytree(root / libraries, folder / "arm" / libraries, symlinks=True)
        write_repodata(folder / "channel", packages)
        _fetch_emulator(folder, scratch)


def _pure(scratch: Path) -> list[Package]:
    return [
        from_wheel(wheel, "noarch")
        for number, requirements in enumerate(PURE)
        for wheel in download(requirements, scratch / f"pure-{number}", platform="any")
    ]


def _compiled(subdir: str, scratch: Path) -> list[Package]:
    wheels = download(COMPILED, scratch / f"{subdir}-wheels", platform=WHEEL_PLATFORMS[subdir])
    return [from_wheel(wheel, subdir) for wheel in wheels]


def _fetch_emulator(folder: Path, scratch: Path) -> None:
    found = shutil.which(EMULATOR)
    if found is None:
        native = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        for package in fetch_packages(native, ("qemu-user-static",), scratch / "emulator"):
            subprocess.run(["dpkg-deb", "--extract", package, scratch / "qemu"], check=True)
        found = str(scratch / "qemu/usr/bin" / EMULATOR)
    shutil.copyfile(found, folder / EMULATOR)
    (folder / EMULATOR).chmod(0o755)
