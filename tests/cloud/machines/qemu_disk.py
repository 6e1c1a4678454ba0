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
# The maker of file systems takes one folder, so several are laid over each other for it alone.
_LAYERS = """
mount -t overlay -o "ro,lowerdir=$1" layers "$2" && shift 2 && exec "$@"
"""


def qemu_disk(image: tuple[Path, ...] = ()) -> Path:
    """A folder with `vmlinuz`, `initrd` and `disk`, a raw ext4 image.

    `image`: folders that lie over the system, the first on top; each in one of `built_once`.
    """
    layers = (*image, debian())
    names = " ".join(layer.parent.name for layer in layers)
    return built_once("qemu", f"{names} {SIZE} {OPTIONS}", lambda to: _make(layers, to))


def _make(layers: tuple[Path, ...], folder: Path) -> None:
    for name, wanted in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        (file,) = (layers[-1] / "boot").glob(wanted)
        shutil.copyfile(file, folder / name)
    whole = folder / "whole"
    whole.mkdir()
    content, before = layers[0], ()
    if len(layers) > 1:
        content, before = whole, _over_each_other(layers, whole)
    disk = ("-d", str(content), str(folder / "disk"), SIZE)
    run(*before, "mke2fs", "-q", "-t", "ext4", *OPTIONS, *disk, seconds=600)
    whole.rmdir()


def _over_each_other(layers: tuple[Path, ...], whole: Path) -> tuple[str, ...]:
    """What to put before a command that is to see the layers as one folder, `whole`."""
    lower = ":".join(str(layer) for layer in layers)
    return ("unshare", "--mount", "sh", "-c", _LAYERS, "sh", lower, str(whole))
