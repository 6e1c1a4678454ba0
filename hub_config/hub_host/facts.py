"""What the hub host is told about itself and the other hosts; written on the instructor's
computer, read by the same command line there."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hub_config.hub_host.certificates import Authority
from hub_config.hub_host.layout import ENVIRONMENTS
from hub_config.settings import HubSettings, SeatHostSettings
from hub_config.spec import TlsSpec, WorkshopSpec
from provisioning.errors import NotPossibleHere
from provisioning.paths import StatePaths

FACTS_NAME = "facts.json"


class _Facts(BaseModel):
    """One version writes, perhaps the next one reads: unknown fields are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class HubHostFacts(_Facts):
    """`names`: what the hub is called by people's browsers; with `own_authority`, its certificate
    is made on the hub host for these."""

    names: tuple[str, ...]
    own_authority: bool = False
    seat_hosts: tuple[SeatHostSettings, ...] = ()
    environments: Path = ENVIRONMENTS
    #: How much longer staff may let the hosts live; see hub_config/extending.
    extend_minutes: int = 0

    @property
    def runs_seats_elsewhere(self) -> bool:
        return any(host.role == "gpu" for host in self.seat_hosts)


class ForSeatHosts(_Facts):
    """What the seat hosts need of the hub host: its settings hold no secret."""

    link_key: str
    settings: HubSettings


def authority_of(state_root: Path, workshop: str) -> Authority:
    """The hub host's own certificate authority for this workshop."""
    return Authority(StatePaths(state_root, workshop).home / "authority")


def with_own_authority(
    spec: WorkshopSpec, facts: HubHostFacts | None, state_root: Path
) -> WorkshopSpec:
    """The spec with the certificate that the hub host makes itself, where it is to make one."""
    if facts is None or not facts.own_authority:
        return spec
    authority = authority_of(state_root, spec.name)
    tls = TlsSpec(certificate=authority.server_certificate, key=authority.server_key)
    return spec.model_copy(update={"hub": spec.hub.model_copy(update={"tls": tls})})


def shipped(environments: Path, name: str) -> Path:
    """The folder of the version in use. NotPossibleHere when it was never shipped here."""
    link = environments / name
    if not (link / "bin" / "python").exists():
        raise NotPossibleHere(
            f"the hub host has no environment {name} in {environments}",
            next_step=f"name {name} under `hosts: hub: environments:` of workshop.yaml, or leave "
            f"the key out; lock it with `workshop env lock {name}`, then repeat `workshop up`",
        )
    return link.resolve()


def identity_of(prefix: Path) -> str:
    """The last part of NAME-IDENTITY."""
    return prefix.name.rpartition("-")[2]
