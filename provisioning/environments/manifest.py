"""What a packed environment is: a small JSON file beside the archive, which travels with it.

A host that has the manifest over a verified connection may take the archive from anywhere:
the manifest says which bytes it must have, and which files they must unpack to.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from provisioning.errors import BadInput, Place
from provisioning.fleet import Architecture
from provisioning.folders import write_atomically
from provisioning.text_file import read_text

#: Where environments are on every host.
PREFIXES = Path("/opt/workshop/environments")

_MOST_BYTES = 64 * 1024
_Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
_Count = Annotated[int, Field(ge=0)]
_Module = Annotated[str, Field(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\z")]


@dataclass(frozen=True)
class Manifest:
    """One packed environment for one kind of machine. Sizes in bytes, hashes in hex."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"\A[a-z][a-z0-9-]{0,39}\z")]
    #: A hash of the lock and of what builds from it; part of the prefix and of every name.
    identity: Annotated[str, Field(pattern=r"\A[0-9a-f]{12}\z")]
    #: Such as linux-64, linux-64-cuda or linux-aarch64.
    platform: Annotated[str, Field(pattern=r"\Alinux-(64|aarch64)(-[a-z0-9]+)?\z")]
    #: Where it must be unpacked: the path is written into its files.
    prefix: Annotated[str, Field(pattern=r"\A(/[A-Za-z0-9_][A-Za-z0-9._-]*)+\z", max_length=200)]
    #: Its interpreter, relative to the prefix.
    python: Annotated[str, Field(pattern=r"\A[a-z]+/python[0-9.]*\z")]
    lock_sha256: _Sha256
    #: Of the listing that provisioning/environments/shipping/on_host/tree.py makes of the prefix.
    tree_sha256: _Sha256
    #: Entries of the tree: files, links and folders.
    files: _Count
    unpacked_bytes: _Count
    archive_bytes: _Count
    archive_sha256: _Sha256
    #: The modules that were asked for: the environment works when these can be imported.
    imports: tuple[_Module, ...]
    #: The newest CUDA that its packages may need of the driver; None for a CPU environment.
    cuda: Annotated[str, Field(pattern=r"\A[0-9]+(\.[0-9]+)?\z")] | None = None

    @property
    def architecture(self) -> Architecture:
        return "arm64" if self.platform.startswith("linux-aarch64") else "x86_64"

    @property
    def archive(self) -> str:
        """The archive's file name; the manifest's is the same with .json behind it."""
        return f"{self.name}-{self.identity}-{self.platform}.tar.zst"


_ADAPTER = TypeAdapter(Manifest)


def manifest_path(archive: Path) -> Path:
    """Where the manifest of `archive` is: beside it."""
    return archive.with_name(archive.name + ".json")


def manifest_for(archive: Path) -> Manifest:
    """The manifest beside `archive`. Raises BadInput like read_manifest."""
    return read_manifest(manifest_path(archive))


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`, or BadInput naming the first thing that is wrong with it."""
    return parse_manifest(read_text(path, most_bytes=_MOST_BYTES), path)


def parse_manifest(text: str, source: Path) -> Manifest:
    """`text` as a manifest; `source` is named in errors."""
    try:
        manifest = _ADAPTER.validate_json(text, strict=True)
    except (ValidationError, RecursionError) as error:
        raise BadInput(Place(source), f"isn't a manifest: {_first(error)}", _PACK_AGAIN) from None
    if not manifest.prefix.endswith(f"/{manifest.name}-{manifest.identity}"):
        found = f"has the prefix {manifest.prefix}, which isn't one of this environment"
        raise BadInput(Place(source, key="prefix"), found, _PACK_AGAIN)
    return manifest


_PACK_AGAIN = "pack the environment again: `workshop env pack`"


def _first(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    mistake = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in mistake["loc"])
    return f"{place}: {mistake['msg']}" if place else str(mistake["msg"])


def dump_manifest(manifest: Manifest) -> bytes:
    """The manifest as its file: the same bytes for the same manifest."""
    return (json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n").encode()


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write it beside its archive in `folder`."""
    path = manifest_path(folder / manifest.archive)
    write_atomically(path, dump_manifest(manifest))
    return path
