"""Prove on every host that an environment is what was packed, and that it works there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from provisioning.environments.manifest import Manifest
from provisioning.environments.shipping.errors import (
    Drifted,
    NotThere,
    WrongArchitecture,
    imports_fail,
)
from provisioning.environments.shipping.questions import ask_each
from provisioning.errors import WorkshopError
from provisioning.fleet import Architecture
from provisioning.ssh.login import Login

#: `tree`: every file is read and hashed. `imports`: as an account that owns nothing.
#: `pip`: what `pip check` says, for people: a lock may override what a package asks for.
Look = Literal["tree", "imports", "pip"]
EVERYTHING: tuple[Look, ...] = ("tree", "imports", "pip")
#: Only whether the environment was completed there, and is in use.
QUICK: tuple[Look, ...] = ()

_AGAIN = "`workshop env ship --repair` unpacks it again there"
_ARCHITECTURES: dict[str, Architecture] = {"x86_64": "x86_64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Drift:
    """Files that are not as they were packed. At most 200 names of each kind; counts are whole."""

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: The listing on the host was changed as well: files differ, which ones can't be told.
    unknown: bool = False

    def __str__(self) -> str:
        if self.unknown:
            return "files differ, and the listing of them was changed as well"
        kinds = (("changed", self.changed), ("added", self.added), ("removed", self.removed))
        told = [f"{self.counts[kind]} {kind} ({_some(names)})" for kind, names in kinds if names]
        return ", ".join(told)


@dataclass(frozen=True)
class HostProof:
    """What was seen on one host. What wasn't looked at is empty."""

    host: str
    environment: str
    complete: bool
    #: The folder names of the version in use, of the one before, and of all whole ones.
    current: str | None
    previous: str | None
    versions: tuple[str, ...]
    drift: Drift | None = None
    #: Files that others than root may change, or that run as their owner.
    loose: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    #: Why it can't be used; None: it can.
    problem: WorkshopError | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None

    @property
    def in_use(self) -> bool:
        return self.current == self.environment

    def as_json(self) -> dict[str, Any]:
        """Facts for `--json`."""
        facts = dataclasses.asdict(dataclasses.replace(self, problem=None))
        problem = self.problem
        facts["problem"] = problem and {"message": problem.message, "next_step": problem.next_step}
        return {**facts, "ok": self.ok, "in_use": self.in_use}


def verify(
    manifest: Manifest,
    logins: Mapping[str, Login],
    *,
    look: tuple[Look, ...] = EVERYTHING,
    seconds: float = 900.0,
) -> dict[str, HostProof | WorkshopError]:
    """What is on each host, or why it couldn't be asked. Changes nothing."""

    def reading(host: str, facts: dict[str, Any]) -> HostProof:
        return proof_of(host, manifest, facts)

    order = order_of(manifest, look)
    return ask_each(logins, "verify", order, seconds=seconds, reading=reading)


def order_of(manifest: Manifest, look: tuple[Look, ...]) -> dict[str, Any]:
    """What a host is asked (see on_host/verifying.py)."""
    return {
        "environments": str(Path(manifest.prefix).parent),
        "name": manifest.name,
        "identity": manifest.identity,
        "tree_sha256": manifest.tree_sha256,
        "python": manifest.python,
        "imports": manifest.imports,
        "look": look,
    }


def proof_of(host: str, manifest: Manifest, facts: dict[str, Any]) -> HostProof:
    """A host's answer (see on_host/verifying.py) in our words."""
    seen = HostProof(
        host=host,
        environment=f"{manifest.name}-{manifest.identity}",
        complete=facts["complete"],
        current=facts["current"],
        previous=facts["previous"],
        versions=tuple(facts["versions"]),
        drift=_drift(facts.get("drift")),
        loose=tuple(facts.get("loose", ())),
        pip=tuple(facts.get("pip", ())),
    )
    return dataclasses.replace(seen, problem=_problem(seen, manifest, facts))


def _problem(seen: HostProof, manifest: Manifest, facts: dict[str, Any]) -> WorkshopError | None:
    """The first thing that keeps it from being used, in the order of their causes."""
    host, name = seen.host, seen.environment
    here = _ARCHITECTURES.get(facts["machine"], facts["machine"])
    if here != manifest.architecture:
        return WrongArchitecture(
            f"{host} is {here}, and {name} is for {manifest.architecture}",
            next_step="build and ship the environment for this kind of host",
        )
    if not seen.complete:
        return NotThere(
            f"{host} has no whole copy of {name}; in use: {seen.current or 'nothing'}",
            next_step="`workshop env ship` brings it there",
        )
    if seen.drift:
        return Drifted(f"{host}: {name} was changed: {seen.drift}", next_step=_AGAIN)
    if seen.loose:
        told = f"{host}: in {name}, others than root may change {_some(seen.loose)}"
        return Drifted(told, next_step=_AGAIN)
    if facts.get("failures"):
        causes = "; ".join(
            f"import {each['module']}: {each['error']}" for each in facts["failures"]
        )
        return imports_fail(
            host, f"{name} is there, but {causes}", facts["failures"], facts["missing"]
        )
    if not seen.in_use:
        return NotThere(
            f"{host} has {name}, and uses {seen.current or 'nothing'}",
            next_step="`workshop env ship` puts it to use",
        )
    return None


def _drift(facts: dict[str, Any] | None) -> Drift | None:
    if facts is None:
        return None
    changed, added, removed = (tuple(facts[kind]) for kind in ("changed", "added", "removed"))
    return Drift(changed, added, removed, facts["counts"], facts["unknown"])


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown}, ..." if len(names) > 3 else shown
