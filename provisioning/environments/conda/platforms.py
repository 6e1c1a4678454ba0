"""The kinds of machine that an environment can be locked and built for, with or without a GPU.

What a machine has besides its processor (glibc, a GPU's driver) is told to the solver as
virtual packages, so a lock for a machine with a GPU is made on one without:
https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-virtual.html
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from typing import Literal

from provisioning.errors import NotPossibleHere
from provisioning.fleet import Architecture

Subdir = Literal["linux-64", "linux-aarch64"]
SUBDIRS: tuple[Subdir, ...] = ("linux-64", "linux-aarch64")

#: The newest CUDA whose packages may be chosen: drivers since 550 (2024) run it.
CUDA = "12.4"
_PROCESSORS = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}
_NAME = re.compile(r"(linux-64|linux-aarch64)(-cuda)?")


@dataclass(frozen=True)
class Platform:
    """What packages may expect of a machine. `cuda` is None where there is no GPU."""

    subdir: Subdir
    cuda: str | None = None
    #: The oldest system that it must run on: Debian 10, RHEL 8; wheels' manylinux_2_28.
    glibc: str = "2.28"
    linux: str = "5.4"

    @property
    def name(self) -> str:
        """As locks and archives are named: linux-64, linux-64-cuda, linux-aarch64."""
        return self.subdir if self.cuda is None else f"{self.subdir}-cuda"

    @property
    def processor(self) -> str:
        return _PROCESSORS[self.subdir]

    @property
    def architecture(self) -> Architecture:
        return "x86_64" if self.subdir == "linux-64" else "arm64"

    @property
    def wheels(self) -> str:
        """What uv calls this platform."""
        return f"{self.processor}-manylinux_{self.glibc.replace('.', '_')}"

    @property
    def virtual_packages(self) -> tuple[tuple[str, str, str], ...]:
        """Name, version and build of each."""
        found = [
            ("__archspec", "1", self.processor),
            ("__glibc", self.glibc, "0"),
            ("__linux", self.linux, "0"),
            ("__unix", "0", "0"),
        ]
        if self.cuda is not None:
            found.append(("__cuda", self.cuda, "0"))
        return tuple(sorted(found))

    @property
    def native(self) -> bool:
        """Whether this machine runs its programs."""
        return platform.machine() == self.processor


def platform_named(name: str, *, cuda: str = CUDA) -> Platform:
    """The platform called `name`; `cuda` counts only where the name ends in -cuda."""
    match = _NAME.fullmatch(name)
    if not match:
        known = ", ".join(f"{subdir}, {subdir}-cuda" for subdir in SUBDIRS)
        raise NotPossibleHere(f"there is no platform {name!r}", next_step=f"choose one of {known}")
    subdir: Subdir = "linux-64" if match[1] == "linux-64" else "linux-aarch64"
    return Platform(subdir, cuda if match[2] else None)


def platform_of(architecture: Architecture, *, gpu: bool) -> Platform:
    """The platform of a host of the fleet."""
    subdir: Subdir = "linux-64" if architecture == "x86_64" else "linux-aarch64"
    return Platform(subdir, CUDA if gpu else None)
