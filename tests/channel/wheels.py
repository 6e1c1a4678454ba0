"""Real wheels, repackaged as conda packages."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.channel.package import Entry, Package


def download(requirements: Sequence[str], folder: Path, *, platform: str) -> list[Path]:
    """The wheels of exactly these requirements, for CPython 3.11 on `platform`."""
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
            "--only-binary", ":all:", "--python-version", "3.11", "--platform", platform,
            "--dest", folder, *requirements,
        ],
        check=True,
    )  # fmt: skip
    return sorted(folder.glob("*.whl"))


def from_wheel(wheel: Path, subdir: str) -> Package:
    """A pure wheel becomes a noarch package, any other one of `subdir`."""
    name, version = wheel.name.split("-")[:2]
    with zipfile.ZipFile(wheel) as archive:
        content = {
            info.filename: Entry(archive.read(info), executable=bool(info.external_attr >> 22 & 1))
            for info in archive.infolist()
            if not info.is_dir()
        }
    pure = subdir == "noarch"
    folder = "site-packages" if pure else "lib/python3.11/site-packages"
    return Package(
        re.sub(r"[-_.]+", "-", name).lower(),
        version,
        subdir,
        {f"{folder}/{path}": entry for path, entry in content.items()},
        depends=("python >=3.11,<3.12.0a0",),
        noarch_python=pure,
        entry_points=_entry_points(content),
    )


def _entry_points(content: dict[str, Entry]) -> tuple[str, ...]:
    text = next((e.content for p, e in content.items() if p.endswith("/entry_points.txt")), b"")
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read_string(text.decode())
    if not parser.has_section("console_scripts"):
        return ()
    return tuple(f"{name} = {target}" for name, target in parser.items("console_scripts"))
