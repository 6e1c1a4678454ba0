"""What the dispatcher and the workers are told: a JSON file each, written by `workshop up`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distributed.security import Security
from pydantic import BaseModel, ConfigDict

LOOPBACK = "127.0.0.1"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TlsFiles(_Frozen):
    """PEM files. Who has a certificate of this authority, and only who has one, takes part."""

    authority: Path
    certificate: Path
    key: Path


class DispatcherSettings(_Frozen):
    """`socket` is where graders ask, `port` on loopback is where workers report."""

    port: int
    socket: Path
    tls: TlsFiles
    #: How long an order waits for a first worker host before its grader hears that there is none.
    patience_seconds: float = 30.0


class WorkerEnvironment(_Frozen):
    python: Path
    identity: str


class WorkerSettings(_Frozen):
    """`name` is the host's. Both ports are on this host's loopback: `scheduler` leads to the
    dispatcher, and the dispatcher reaches this worker under the same number as `port`."""

    name: str
    scheduler: int
    port: int
    slots: int
    #: The worker's own, on a disk.
    folder: Path
    tls: TlsFiles
    environments: dict[str, WorkerEnvironment]


def security(tls: TlsFiles) -> Any:
    """Dask's Security: always encrypted, both ends show a certificate."""
    certificate, key = str(tls.certificate), str(tls.key)
    kind: Any = Security  # untyped
    return kind(
        require_encryption=True,
        tls_ca_file=str(tls.authority),
        **{f"tls_{role}_cert": certificate for role in ("client", "scheduler", "worker")},
        **{f"tls_{role}_key": key for role in ("client", "scheduler", "worker")},
    )


def address(port: int) -> str:
    return f"tls://{LOOPBACK}:{port}"
