"""The slice of workshop.yaml about the hub, and the whole file made of all slices."""

from __future__ import annotations

import datetime
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from hub_config.database.address import WANTED, NoAddress, parse_address
from provisioning.errors import BadInput
from provisioning.hosts_spec import HostsSpec, MachineHostsSpec
from provisioning.spec import EnvironmentFiles, SeatLimitsSpec
from provisioning.spec_file import describe, place_of
from provisioning.spec_types import Day, FilePath, Port, Size, SpecModel, absolute, spec_mistake

MOST_SEATS = 300

_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class TlsSpec(SpecModel):
    """A certificate of your own, so that the hub answers to https."""

    certificate: FilePath = Field(description="the path of a PEM certificate")
    key: FilePath = Field(description="the path of its PEM private key")

    def resolve(self, base: Path) -> TlsSpec:
        paths = {"certificate": absolute(base, self.certificate), "key": absolute(base, self.key)}
        return self.model_copy(update=paths)


class LoginSpec(SpecModel):
    """By seat code, or by any other JupyterHub Authenticator."""

    class_name: str | None = Field(
        None, alias="class", description="module.Class of a JupyterHub Authenticator"
    )
    config: dict[str, Any] = Field(default_factory=dict, description="its traits and their values")

    @property
    def by_seat_code(self) -> bool:
        return self.class_name is None


def _login(value: Any) -> Any:
    """`seat-code` is the short way to write a LoginSpec without a class."""
    wanted = "write `seat-code`, or `class: module.Class` of a JupyterHub Authenticator"
    match value:
        case "seat-code":
            return {}
        case {"class": str(name)} if not _CLASS.fullmatch(name):
            raise spec_mistake(f"found {describe(name)}", wanted, key="class")
        case dict() if "class" not in value:
            raise spec_mistake("found no `class`", wanted)
        case dict() | LoginSpec():
            return value
        case _:
            raise spec_mistake(f"found {describe(value)}", wanted)


class HubSpec(SpecModel):
    """Where the hub listens, how people find it and how they log in."""

    bind: str = Field("127.0.0.1", description="an IP address of this machine, or 0.0.0.0 for all")
    port: Port = Field(8000, description="a whole number from 1 to 65535, such as 8000")
    address: str | None = Field(
        None, description="the address that attendees type, such as https://hub.example.org"
    )
    proxy: Literal["traefik", "node"] = Field("traefik", description="traefik or node")
    login: Annotated[LoginSpec, BeforeValidator(_login)] = Field(default_factory=LoginSpec)
    idle_minutes: int = Field(
        60, ge=5, le=1440, description="a whole number of minutes from 5 to 1440, such as 60"
    )
    tls: TlsSpec | None = Field(None, description="`certificate:` and `key:`, each a path")
    database: str | None = Field(None, description=WANTED)
    database_password: FilePath | None = Field(
        None, description="the path of a file with nothing but the password, that only you may read"
    )

    @field_validator("bind")
    @classmethod
    def _is_an_ip_address(cls, value: str) -> str:
        try:
            return str(ipaddress.ip_address("127.0.0.1" if value == "localhost" else value))
        except ValueError:
            wanted = cls.model_fields["bind"].description
            raise spec_mistake(f"found {describe(value)}", f"write {wanted}") from None

    @field_validator("address")
    @classmethod
    def _is_a_web_address(cls, value: str | None) -> str | None:
        if value is None or _is_web_address(value):
            return value.rstrip("/") if value else value
        wanted = cls.model_fields["address"].description
        raise spec_mistake(f"found {describe(value)}", f"write {wanted}")

    @field_validator("database")
    @classmethod
    def _is_a_database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return str(parse_address(value))
        except NoAddress as error:
            # Never what was written: it may hold a password.
            raise spec_mistake(f"found {error}", f"write {WANTED}") from None

    @model_validator(mode="after")
    def _people_can_find_it(self) -> HubSpec:
        if self.address is None and ipaddress.ip_address(self.bind).is_unspecified:
            found = f"found no address for a hub that listens on {self.bind}"
            write = "write `address:` with what attendees type, such as http://192.0.2.7:8000"
            raise spec_mistake(found, write, key="address")
        return self

    @model_validator(mode="after")
    def _a_password_is_for_a_database(self) -> HubSpec:
        if self.database_password is not None and self.database is None:
            write = f"write `database:` with {WANTED}"
            raise spec_mistake("found the password of no database", write, key="database_password")
        return self

    @property
    def public_address(self) -> str:
        """What is printed on the cards, without a slash at its end."""
        if self.address:
            return self.address
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def resolve(self, base: Path) -> HubSpec:
        tls = self.tls.resolve(base) if self.tls else None
        password = absolute(base, self.database_password)
        return self.model_copy(update={"tls": tls, "database_password": password})


def _is_web_address(value: str) -> bool:
    """Scheme, host and perhaps a port: the hub lives at the root of its address."""
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = value.isprintable() and not re.search(r"[\s\"'<>\\@?#]", value)
    web = parts.scheme in ("http", "https") and bool(parts.hostname)
    return plain and web and port_is_fine and parts.path in ("", "/")


class SubmissionsSpec(SpecModel):
    """What one submission may weigh."""

    max_megabytes: int = Field(
        20, ge=1, le=1000, description="a whole number from 1 to 1000, such as 20"
    )
    max_files: int = Field(
        200, ge=1, le=10_000, description="a whole number from 1 to 10000, such as 200"
    )


class GradingSpec(SpecModel):
    """When and where submissions are graded."""

    on_submit: bool = Field(
        True, description="true: as they come in; false: only when you run `workshop grade`"
    )
    workers: Literal["hub", "hosts"] = Field(
        "hub", description="hub: on the hub's own host; hosts: on those that run seats"
    )


class BackupSpec(SpecModel):
    """How homes on other hosts are kept safe on the hub's host."""

    minutes: int = Field(
        5, ge=1, le=60, description="a whole number of minutes from 1 to 60, such as 5"
    )
    home: Size = Field(
        2 * 2**30,
        ge=10 * 2**20,
        le=2**40,
        description="a size from 10M to 1T, such as 2G: more of a home is not copied",
    )


class WorkshopSpec(SpecModel):
    """workshop.yaml: what an instructor decides."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,19}$",
        description="at most 20 lower-case letters, digits and dashes, beginning with a letter",
    )
    date: Day | None = Field(None, description="the day of the class, such as 2026-12-01")
    course: FilePath = Field(
        description="the path of a folder with course.yaml, such as coursework/nlp"
    )
    track: str | None = Field(None, description="the name of a track of course.yaml")
    roster: FilePath | None = Field(None, description="the path of a CSV file, such as roster.csv")
    seats: int | None = Field(
        None,
        ge=1,
        le=MOST_SEATS,
        description=f"a whole number of walk-in seats from 1 to {MOST_SEATS}, such as 30",
    )
    hub: HubSpec = Field(default_factory=HubSpec, description="keys of the hub, such as port: 8000")
    seat: SeatLimitsSpec = Field(
        default_factory=SeatLimitsSpec, description="limits of a seat, such as memory: 2G"
    )
    submissions: SubmissionsSpec = Field(
        default_factory=SubmissionsSpec, description="limits, such as max_megabytes: 20"
    )
    grading: GradingSpec = Field(
        default_factory=GradingSpec, description="when to grade, such as on_submit: false"
    )
    backup: BackupSpec = Field(
        default_factory=BackupSpec, description="copies of homes on hosts, such as minutes: 5"
    )
    environments: EnvironmentFiles = Field(
        default_factory=dict,
        description="names and paths of conda environment files, such as hub: environments/hub.yml",
    )
    hosts: HostsSpec | None = Field(
        None, description="`provider: ec2`, or `provider: hosts` for a list of machines"
    )

    @model_validator(mode="after")
    def _roster_or_seats(self) -> WorkshopSpec:
        if self.roster is None and self.seats is None:
            found = "found neither `roster` nor `seats`"
            raise spec_mistake(found, "write `roster: roster.csv`, or `seats: 30` for walk-ins")
        if self.roster is not None and self.seats is not None:
            found = "found both `roster` and `seats`"
            raise spec_mistake(found, "remove one of them", key="seats")
        return self

    def resolve(self, base: Path) -> WorkshopSpec:
        """The same spec with every path seen from `base`, the folder of its file."""
        parts = {
            "course": absolute(base, self.course),
            "roster": absolute(base, self.roster),
            "hub": self.hub.resolve(base),
            "environments": {
                name: absolute(base, path) for name, path in self.environments.items()
            },
            "hosts": self.hosts.resolve(base) if self.hosts else None,
        }
        return self.model_copy(update=parts)


def check_date(spec: WorkshopSpec, today: datetime.date, file: Path) -> None:
    """The day of the class must not be past; `file` is where the spec was read from."""
    if spec.date is not None and spec.date < today:
        found = f"found {spec.date}, which is past: today is {today}"
        write = "write the day of the class, or remove the key"
        raise BadInput(place_of(file, "date"), found, write)


def check_workers(spec: WorkshopSpec, file: Path) -> None:
    """Hosts that grade must be among the spec's; on the hub host its facts say which there are."""
    if spec.grading.workers == "hosts" and spec.hosts is None:
        write = "add `hosts:`, or leave the key out: then this machine grades"
        raise BadInput(place_of(file, "grading.workers"), "found hosts, and no `hosts:`", write)


def check_files(spec: WorkshopSpec, file: Path) -> None:
    """What a resolved spec points to must be there; `file` is where the spec was read from."""
    wanted: dict[str, Path | None] = {
        "course": spec.course / "course.yaml",
        "roster": spec.roster,
        **{f"environments.{name}": path for name, path in spec.environments.items()},
        "hub.tls.certificate": spec.hub.tls.certificate if spec.hub.tls else None,
        "hub.tls.key": spec.hub.tls.key if spec.hub.tls else None,
        "hub.database_password": spec.hub.database_password,
        "hosts.key": spec.hosts.key if isinstance(spec.hosts, MachineHostsSpec) else None,
    }
    for key, path in wanted.items():
        if path is not None and not path.is_file():
            write = "write a path that exists, seen from the folder of this file"
            raise BadInput(place_of(file, key), f"found no file {path}", write)
