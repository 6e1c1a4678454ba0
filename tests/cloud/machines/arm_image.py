"""What makes a namespace host an Arm host for every program that asks: an Arm system with its
Python, run by an emulator.

The kernel is this computer's, so a program for Arm is started by the emulator's name. The image
has a launcher of that kind in the place of the system's Python, which then says `aarch64` of the
machine, as the kernel of an Arm would; `launcher` makes one for another Python.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from provisioning.arm.layout import EMULATOR
from provisioning.arm.root import ensure_arm_root
from tests.cloud.machines.cached_build import CACHE, built_once

PROJECT = Path(__file__).parents[3]
LOCK = PROJECT / "environments/deploy.lock"
#: On the host: the emulator, and the Arm system's libraries and Python. Below /usr, because that
#: is what jails show.
SYSTEM = "/usr/lib/arm-system"
#: Of the Arm machine that the product builds; its TVM is left out.
_PARTS = ("lib", "usr")
#: Raise it when something else is made of the same Arm root.
FORM = 1


def launcher(program: str) -> str:
    """A shell script that runs an Arm's `program` (a path, or a name beside the script) under the
    name by which the script itself was called."""
    path = program if program.startswith("/") else f"${{0%/*}}/{program}"
    emulator = f"{SYSTEM}/{EMULATOR} -cpu cortex-a72 -L {SYSTEM}"
    return f'#!/bin/sh\nexec {emulator} -0 "$0" "{path}" "$@"\n'


def arm_image() -> Path:
    """A folder to lie over the system of an Arm host."""
    root = ensure_arm_root(LOCK, CACHE / "environments")
    recipe = f"{root.folder.name} {FORM} {launcher('/x')}"
    return built_once("arm-image", recipe, lambda folder: _build(root.folder, folder)) / "image"


def _build(root: Path, folder: Path) -> None:
    system = folder / "image" / SYSTEM.lstrip("/")
    system.mkdir(parents=True)
    for part in _PARTS:
        # Links, not copies: hosts only read what lies below their own disk.
        shutil.copytree(root / part, system / part, symlinks=True, copy_function=os.link)
    shutil.copy(root / EMULATOR, system / EMULATOR)
    python = folder / "image/usr/bin/python3"
    python.parent.mkdir()
    python.write_text(launcher(f"{SYSTEM}/usr/bin/python3.11"))
    python.chmod(0o755)
    for each in (folder / "image", *(folder / "image").rglob("*")):
        if each.is_dir() and not each.is_symlink():
            each.chmod(0o755)
