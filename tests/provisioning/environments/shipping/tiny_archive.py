"""A packed environment in miniature, with a Python that really starts."""

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from provisioning.environments.manifest import Manifest, write_manifest
from provisioning.environments.shipping.on_host.tree import listing, tree_sha256

HERE = "x86_64" if os.uname().machine == "x86_64" else "arm64"


@dataclass(frozen=True)
class Wanted:
    """What to pack. `bulk` is random, so that it takes as much room packed as unpacked."""

    environments: Path
    name: str = "nlp"
    identity: str = "0123456789ab"
    platform: str = "linux-64" if HERE == "x86_64" else "linux-aarch64"
    bulk: int = 2_000_000
    imports: tuple[str, ...] = ("json",)
    #: Modules of its own, by name.
    modules: Mapping[str, str] = field(default_factory=dict)


# -I would hide the modules of our own, so this one drops it.
PYTHON = """#!/bin/sh
shift
PYTHONPATH="${0%/bin/python}/lib/modules" exec /usr/bin/python3 "$@"
"""


def pack_tiny(wanted: Wanted, folder: Path) -> Path:
    """Pack into `folder`; the archive's path, with its manifest beside it."""
    tree = folder / f"tree-{wanted.name}-{wanted.identity}"
    _plant(wanted, tree)
    whole = _tarred(tree)
    packed = zstandard.ZstdCompressor(level=1).compress(whole)
    manifest = Manifest(
        name=wanted.name,
        identity=wanted.identity,
        platform=wanted.platform,
        prefix=str(wanted.environments / f"{wanted.name}-{wanted.identity}"),
        python="bin/python",
        lock_sha256="0" * 64,
        tree_sha256=tree_sha256(listing(tree)),
        files=sum(1 for _ in tree.rglob("*")),
        unpacked_bytes=sum(p.stat().st_size for p in tree.rglob("*") if p.is_file()),
        archive_bytes=len(packed),
        archive_sha256=hashlib.sha256(packed).hexdigest(),
        imports=wanted.imports,
    )
    archive = folder / manifest.archive
    archive.write_bytes(packed)
    write_manifest(manifest, folder)
    return archive


def _plant(wanted: Wanted, tree: Path) -> None:
    (tree / "bin").mkdir(parents=True)
    if wanted.modules:
        (tree / "bin/python").write_text(PYTHON)
        (tree / "bin/python").chmod(0o755)
    else:
        (tree / "bin/python").symlink_to("/usr/bin/python3")
    (tree / "bin/tool").write_text("#!/bin/sh\necho tool\n")
    (tree / "bin/tool").chmod(0o755)
    (tree / "lib/odd names").mkdir(parents=True)
    (tree / "lib/odd names/ä b.txt").write_text("text")
    (tree / "lib/identity").write_text(wanted.identity)
    (tree / "lib/bulk").write_bytes(os.urandom(wanted.bulk))
    (tree / "lib/modules").mkdir()
    for name, content in wanted.modules.items():
        (tree / f"lib/modules/{name}.py").write_text(content)


def _tarred(tree: Path) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as members:
        for path in sorted(tree.rglob("*")):
            members.add(path, str(path.relative_to(tree)), recursive=False, filter=_by_root)
    return whole.getvalue()


def _by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
