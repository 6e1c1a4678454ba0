"""What the instructor has given, as the hub host gets it: the file of the workshop rewritten for
there, the roster, the course, a certificate.

The hub host's file has no `hosts:` and no environments of its own: for the command line there it
is a workshop of one machine, and HubHostFacts say the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from hub_config.hub_host.facts import FACTS_NAME, HubHostFacts
from hub_config.hub_host.layout import CURRENT, GIVEN
from hub_config.hub_host.parcel import Parcel, files_below, parcel_of
from hub_config.spec import WorkshopSpec
from provisioning.ssh.connection import Connection

SPEC_NAME: Final = "workshop.yaml"
_MOST_BYTES = 2**20
_ROSTER, _COURSE = "roster.csv", "course"
_CERTIFICATE, _KEY = "certificate.pem", "key.pem"
_PASSWORD = "database-password"  # noqa: S105 - the name of its file


def hub_address(spec: WorkshopSpec, public: str) -> str:
    """What attendees type: the file's own word, or the hub host's address and port.

    Without an address of the instructor's the hub has a certificate, so it is https.
    """
    return spec.hub.address or f"https://{public}:{spec.hub.port}"


def wants_own_authority(spec: WorkshopSpec) -> bool:
    """Neither a certificate nor an address: whoever gives an address without a certificate has
    a proxy in front, or wants plain http."""
    return spec.hub.tls is None and spec.hub.address is None


def given_before(connection: Connection) -> tuple[HubHostFacts, str]:
    """What the hub host has: its facts, and the address that attendees type."""

    def read(name: str) -> bytes:
        return connection.get_bytes(str(GIVEN / CURRENT / name), most=_MOST_BYTES, seconds=60)

    facts = HubHostFacts.model_validate_json(read(FACTS_NAME))
    return facts, str(yaml.safe_load(read(SPEC_NAME))["hub"]["address"])


def given_parcel(spec: WorkshopSpec, address: str, facts: HubHostFacts) -> Parcel:
    """`spec` is resolved: its paths are those of this computer."""
    files = {
        SPEC_NAME: yaml.safe_dump(_for_the_hub_host(spec, address), sort_keys=False).encode(),
        FACTS_NAME: facts.model_dump_json(indent=1).encode(),
        **files_below(spec.course, f"{_COURSE}/"),
    }
    if spec.roster is not None:
        files[_ROSTER] = spec.roster.read_bytes()
    if tls := spec.hub.tls:
        files |= {_CERTIFICATE: tls.certificate.read_bytes(), _KEY: tls.key.read_bytes()}
    if password := spec.hub.database_password:
        files[_PASSWORD] = password.read_bytes()
    return parcel_of(files)


def _for_the_hub_host(spec: WorkshopSpec, address: str) -> dict[str, Any]:
    told = spec.model_dump(by_alias=True, exclude_unset=True, exclude={"hosts", "environments"})
    hub: dict[str, Any] = told.get("hub", {})
    # The cloud's firewall says who comes in; there the hub listens for all of them.
    told["hub"] = {"bind": "0.0.0.0", **hub, "address": address, "port": spec.hub.port}  # noqa: S104
    if spec.hub.tls:
        told["hub"]["tls"] = {"certificate": _CERTIFICATE, "key": _KEY}
    if spec.hub.database_password:
        told["hub"]["database_password"] = _PASSWORD
    told["course"] = _COURSE
    if spec.roster is not None:
        told["roster"] = _ROSTER
    plain: dict[str, Any] = _plain(told)
    return plain


def _plain(value: Any) -> Any:
    """As YAML writes it without tags of Python."""
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items() if inner is not None}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case Path():
            return str(value)
        case _:
            return value
