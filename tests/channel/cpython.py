"""Debian's CPython 3.11 for one architecture, repackaged so that it works in any folder.

Debian patches its Python to install below /usr/local and to look for dist-packages; that is
put back to what CPython does. What its extension modules need of the system
(libssl3, libsqlite3-0...) stays Debian's.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from provisioning.arm.root import fetch_packages
from tests.channel.package import PLACEHOLDER, Entry, Package

VERSION = "3.11.2"
DEBIAN = {"linux-64": "amd64", "linux-aarch64": "arm64"}
PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib")
#: Large, and nothing imports them.
LEFT_OUT = {
    "test", "tests", "idlelib", "turtledemo", "pydoc_data", "lib2to3", "ensurepip", "tkinter",
    "EXTERNALLY-MANAGED", "sitecustomize.py",
}  # fmt: skip

#: Debian's sysconfig.py, put back to what CPython says.
PATCHES = [
    ("'DEB_PYTHON_INSTALL_LAYOUT', 'posix_local')", "'', 'posix_prefix')"),
    ("prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'"),
]
#: Debian's site.py, which is frozen into the interpreter, knows no site-packages.
SITECUSTOMIZE = b"""import os, site, sys
site.addsitedir(os.path.join(sys.prefix, "lib/python3.11/site-packages"))
"""


def cpython(subdir: str, scratch: Path) -> tuple[Package, Path]:
    """The package, and the folder with Debian's libraries that it runs on."""
    root = scratch / subdir
    for package in fetch_packages(DEBIAN[subdir], PACKAGES, scratch / f"{subdir}-apt"):
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    library = root / "usr/lib/python3.11"
    files = {
        f"lib/python3.11/{path.relative_to(library)}": _file(path, library)
        for path in library.rglob("*")
        if path.is_file() and not LEFT_OUT & set(path.relative_to(library).parts)
    }
    files["lib/python3.11/sitecustomize.py"] = Entry(SITECUSTOMIZE)
    files["bin/python3.11"] = Entry((root / "usr/bin/python3.11").read_bytes(), executable=True)
    for name in ("python", "python3"):
        files[f"bin/{name}"] = Entry(link="python3.11")
    # The shebang is text; libraries' strings must never be called so (see `located`).
    shebang = f"#!{PLACEHOLDER}/bin/python3.11\nimport pydoc\npydoc.cli()\n"
    files["bin/pydoc3"] = Entry(shebang.encode(), executable=True, prefix="text")
    facts = {"python_site_packages_path": "lib/python3.11/site-packages"}
    return Package("python", VERSION, subdir, files, facts=facts), root


def _file(path: Path, library: Path) -> Entry:
    content = path.read_bytes()
    if path == library / "sysconfig.py":
        for old, new in PATCHES:
            assert content.count(old.encode()) == 1, f"Debian's {path.name} changed: {old!r}"
            content = content.replace(old.encode(), new.encode())
    return Entry(content)
