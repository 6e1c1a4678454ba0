"""Write conda packages: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

#: What stands in packages' files where the prefix of the environment will be.
PLACEHOLDER = "/opt/placeholder_" + "hold_" * 20 + "place"


@dataclass(frozen=True)
class Entry:
    """A file's content, or where a link points."""

    content: bytes = b""
    executable: bool = False
    link: str = ""
    #: How PLACEHOLDER stands in it: "text" or "binary".
    prefix: str = ""


@dataclass(frozen=True)
class Package:
    """One package for one subdir; `files` by path in the prefix."""

    name: str
    version: str
    subdir: str
    files: dict[str, Entry]
    depends: tuple[str, ...] = ()
    number: int = 0
    build: str = ""
    #: A Python package that rattler puts into whichever site-packages there is.
    noarch_python: bool = False
    entry_points: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    #: In the older form: one .tar.bz2.
    old_form: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.stem}.tar.bz2" if self.old_form else f"{self.stem}.conda"

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build or self.number}"

    @property
    def index(self) -> dict[str, Any]:
        facts = {
            "name": self.name,
            "version": self.version,
            "build": self.build or str(self.number),
            "build_number": self.number,
            "depends": list(self.depends),
            "subdir": self.subdir,
            "timestamp": 1_700_000_000_000,
            **self.facts,
        }
        if self.noarch_python:
            facts["noarch"] = "python"
        return facts


def write_package(package: Package, channel: Path) -> dict[str, Any]:
    """Write the package below `channel`; its entry for repodata.json."""
    path = channel / package.subdir / package.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    if package.old_form:
        path.write_bytes(bz2.compress(_tar({**package.files, **_info(package)})))
    else:
        _write_conda(package, path)
    content = path.read_bytes()
    return {
        **package.index,
        "md5": hashlib.md5(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def _write_conda(package: Package, path: Path) -> None:
    # Level 19, conda's default, takes minutes for a Python.
    compressor = zstandard.ZstdCompressor(level=6)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (
            ("metadata.json", b'{"conda_pkg_format_version": 2}'),
            (f"pkg-{package.stem}.tar.zst", compressor.compress(_tar(package.files))),
            (f"info-{package.stem}.tar.zst", compressor.compress(_tar(_info(package)))),
        ):
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)


def write_repodata(channel: Path, packages: list[Package]) -> None:
    """Write all packages and the index of each subdir."""
    entries: dict[str, Any] = {
        subdir: {"info": {"subdir": subdir}, "packages": {}, "packages.conda": {}}
        for subdir in ("noarch", "linux-64", "linux-aarch64")
    }
    for package in packages:
        form = "packages" if package.old_form else "packages.conda"
        entries[package.subdir][form][package.file_name] = write_package(package, channel)
    for subdir, repodata in entries.items():
        (channel / subdir).mkdir(parents=True, exist_ok=True)
        (channel / subdir / "repodata.json").write_text(json.dumps(repodata, indent=1))


def _info(package: Package) -> dict[str, Entry]:
    info = {
        "info/index.json": package.index,
        "info/about.json": {},
        "info/paths.json": {
            "paths_version": 1,
            "paths": [_path(path, entry) for path, entry in sorted(package.files.items())],
        },
    }
    if package.noarch_python:
        python = {"type": "python", "entry_points": list(package.entry_points)}
        info["info/link.json"] = {"noarch": python, "package_metadata_version": 1}
    return {path: Entry(json.dumps(content).encode()) for path, content in info.items()}


def _path(path: str, entry: Entry) -> dict[str, Any]:
    facts: dict[str, Any] = {"_path": path, "path_type": "softlink" if entry.link else "hardlink"}
    if not entry.link:
        facts |= {
            "sha256": hashlib.sha256(entry.content).hexdigest(),
            "size_in_bytes": len(entry.content),
        }
    if entry.prefix:
        facts |= {"prefix_placeholder": PLACEHOLDER, "file_mode": entry.prefix}
    return facts


def _tar(files: dict[str, Entry]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, entry in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.mtime = 1_600_000_000
            member.mode = 0o755 if entry.executable else 0o644
            if entry.link:
                member.type, member.linkname = tarfile.SYMTYPE, entry.link
            member.size = len(entry.content)
            tar.addfile(member, io.BytesIO(entry.content))
    return plain.getvalue()
