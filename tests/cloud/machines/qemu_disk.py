"""Kernel, first root and disk of the machines under qemu, made once from the same Debian."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cloud.machines.cached_build import built_once
from tests.cloud.machines.commands import run
from tests.cloud.machines.debian import debian

#: The file system is that large for all; the file is sparse.
SIZE = "128G"
# A journal and tables that are filled in advance protect and speed up nothing here.
OPTIONS = ("-O", "^has_journal", "-E", "lazy_itable_init=1", "-m", "0")


def qemu_disk() -> Path:
    """A folder with `vmlinuz`, `initrd` and `disk`, a raw ext4 image."""
    system = debian()
    return built_once(
        "qemu", f"{system.parent.name} {SIZE} {OPTIONS}", lambda to: _make(system, to)
    )


def _make(system: Path, folder: Path) -> None:
    for name, wanted in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        (file,) = (system / "boot").glob(wanted)
        shutil.copyfile(file, folder / name)
    run("mke2fs", "-q", "-t", "ext4", *OPTIONS, "-d", str(system), str(folder / "disk"), SIZE)
