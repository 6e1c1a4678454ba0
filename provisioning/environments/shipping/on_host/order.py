"""What a host is told to bring about. Sent as one JSON line over SSH, and never stored."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import NamedTuple

DIGEST_BYTES = 32


# Named tuples: dataclasses are slow to import, and fifty hosts start on two cores in the bench.
class Order(NamedTuple):
    """One environment for one host. Sizes in bytes, times in seconds, hashes in hex."""

    name: str
    identity: str
    architecture: str
    #: Where its files must be: .../environments/NAME-IDENTITY.
    prefix: str
    #: The interpreter in it, relative to the prefix.
    python: str
    tree_sha256: str
    files: int
    unpacked_bytes: int
    #: Modules that must be importable before it is used.
    imports: tuple[str, ...]
    #: The archive's file name, and its size.
    archive: str
    archive_bytes: int
    chunk_bytes: int
    #: The sha256 of every chunk, one after the other, in base64.
    digests: str
    #: Names this ship among others on the same port (32 hex digits); not a secret.
    ship: str
    #: What hosts prove to each other that they know (64 hex digits).
    secret: str
    #: Where other hosts of the fleet reach this one; "" if they don't.
    listen: str = ""
    port: int = 7475
    #: Without a word from the controller for so long, the host gives up.
    idle_seconds: float = 30.0
    #: False: bring the archive, and don't unpack it.
    install: bool = True
    #: Unpack again even if the environment is there, because its files were changed.
    repair: bool = False

    def __repr__(self) -> str:
        return f"Order({self.name}-{self.identity})"  # no secret in a traceback

    @property
    def chunks(self) -> int:
        return -(-self.archive_bytes // self.chunk_bytes)

    def chunk_size(self, index: int) -> int:
        """0 behind the last."""
        return max(0, min(self.chunk_bytes, self.archive_bytes - index * self.chunk_bytes))

    def digest_list(self) -> list[bytes]:
        whole = base64.b64decode(self.digests)
        return [whole[at : at + DIGEST_BYTES] for at in range(0, len(whole), DIGEST_BYTES)]

    def to_line(self) -> bytes:
        return json.dumps(self._asdict(), separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        facts = json.loads(line)
        facts["imports"] = tuple(facts["imports"])
        return cls(**facts)


class Layout(NamedTuple):
    """Where one version of an environment is on a host, on its way and for good."""

    environments: Path
    name: str
    identity: str
    archive_name: str = ""

    @classmethod
    def of(cls, order: Order) -> Layout:
        return cls(Path(order.prefix).parent, order.name, order.identity, order.archive)

    @property
    def version(self) -> str:
        return f"{self.name}-{self.identity}"

    @property
    def prefix(self) -> Path:
        return self.environments / self.version

    @property
    def unfinished(self) -> Path:
        """Where it is unpacked; beside the prefix, so that one rename puts it in place."""
        return self.environments / f".{self.version}.new"

    @property
    def link(self) -> Path:
        """The version in use."""
        return self.environments / self.name

    @property
    def previous(self) -> Path:
        """The version that was in use before."""
        return self.environments / f".{self.name}.previous"

    @property
    def incoming(self) -> Path:
        return self.environments.parent / "incoming"

    @property
    def part(self) -> Path:
        return self.incoming / f"{self.archive_name}.part"

    @property
    def archive(self) -> Path:
        return self.incoming / self.archive_name

    @property
    def run(self) -> Path:
        return self.environments.parent / "run"

    @property
    def lock(self) -> Path:
        return self.run / f"ship-{self.version}.lock"
