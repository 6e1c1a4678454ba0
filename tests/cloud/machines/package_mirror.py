"""What a namespace host has besides, so that apt-get installs packages on it: apt itself, and a
mirror of a few packages on its own disk."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from provisioning.arm.root import fetch_packages
from tests.cloud.machines.cached_build import built_once
from tests.cloud.machines.commands import run

_MIRROR = "var/packages"
#: Raise it when something else is made of the same names.
FORM = 2


def package_mirror(*names: str) -> Path:
    """A folder to lie over the system of a host; the mirror has these packages and all that they
    depend on, and nothing else can be installed."""
    recipe = f"{sorted(names)} {FORM}"
    return built_once("mirror", recipe, lambda folder: _build(folder, names)) / "image"


def _build(folder: Path, names: tuple[str, ...]) -> None:
    image = folder / "image"
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        for package in fetch_packages("amd64", ("apt",), scratch / "apt"):
            run("dpkg-deb", "--extract", str(package), str(scratch / "system"))
        # The rest of a system is there, and its /bin and /lib are links.
        for part in ("usr", "etc/apt", "var/lib/apt", "var/cache/apt"):
            shutil.copytree(scratch / "system" / part, image / part, symlinks=True)
        mirror = image / _MIRROR
        mirror.mkdir()
        entries = []
        for package in fetch_packages("amd64", names, scratch / "wanted"):
            (mirror / package.name).write_bytes(package.read_bytes())
            entries.append(_entry(package))
        (mirror / "Packages").write_text("\n".join(entries))
    (image / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:/{_MIRROR} ./\n")
    for each in (image, *image.rglob("*")):
        if each.is_dir() and not each.is_symlink():
            each.chmod(0o755)


def _entry(package: Path) -> str:
    """Its part of a mirror's index, as Debian's repository format describes it"""
    content = package.read_bytes()
    told = run("dpkg-deb", "--field", str(package)).strip()
    digest = hashlib.sha256(content).hexdigest()
    return f"{told}\nFilename: ./{package.name}\nSize: {len(content)}\nSHA256: {digest}\n"
