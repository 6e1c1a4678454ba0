"""The slice of workshop.yaml about hosts: on EC2, or machines that are there already."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from provisioning.access import AccessRange, check_access
from provisioning.catalogue.choose import check_type
from provisioning.fleet import Market, Role
from provisioning.host_key_line import check_host_key
from provisioning.spec_file import describe
from provisioning.spec_types import FilePath, Port, Size, SpecModel, absolute, spec_mistake

MOST_HOSTS = 300
MOST_SPARES = 50

GIGABYTE = 2**30
_DISK = "a size from 8G to 16T, such as {}"
_COUNT = f"a whole number from 0 to {MOST_HOSTS}, such as 8"
_TYPES = "a list of instance types, the preferred one first, such as [{}]"
_ENVIRONMENTS = "a list of names of environments, such as [nlp-gpu]"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_NAME = re.compile(r"hub|(gpu|arm)-\d{2,3}")


def as_tuple(value: Any) -> Any:
    """A YAML list; strict models refuse a list where they hold a tuple."""
    return tuple(value) if isinstance(value, list) else value


def as_names(value: Any) -> Any:
    """A list, or one name without the brackets."""
    return (value,) if isinstance(value, str) else as_tuple(value)


def not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """A minimal length in the model would complain a second time about a list with a mistake."""
    if not value:
        raise spec_mistake("found an empty list", "write at least one")
    return value


def check_disk(value: int) -> int:
    """Bounds of a gp3 volume, and what an image needs at least; in the units that people write."""
    if not 8 * GIGABYTE <= value <= 16 * 2**40:
        raise spec_mistake(f"found {value / GIGABYTE:g}G", f"write {_DISK.format('50G')}")
    return value


HubType = Annotated[str, AfterValidator(lambda name: check_type(name, "hub"))]
GpuType = Annotated[str, AfterValidator(lambda name: check_type(name, "gpu"))]
ArmType = Annotated[str, AfterValidator(lambda name: check_type(name, "arm"))]
HubTypes = Annotated[tuple[HubType, ...], BeforeValidator(as_names), AfterValidator(not_empty)]
GpuTypes = Annotated[tuple[GpuType, ...], BeforeValidator(as_names), AfterValidator(not_empty)]
ArmTypes = Annotated[tuple[ArmType, ...], BeforeValidator(as_names), AfterValidator(not_empty)]
Names = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")], ...], BeforeValidator(as_names)
]
Disk = Annotated[Size, AfterValidator(check_disk)]
ImageId = Annotated[str, Field(pattern=r"^ami-[0-9a-f]{8,17}$")]
Access = Annotated[tuple[AccessRange, ...], BeforeValidator(as_names), AfterValidator(not_empty)]


class Ec2RoleSpec(SpecModel):
    """What the hosts of one role have in common."""

    types: tuple[str, ...] = ()
    market: Market = "on-demand"
    disk: Disk = 50 * GIGABYTE
    image: ImageId | None = Field(None, description="the id of an image, such as ami-0abc1234")
    environments: Names = Field((), description=_ENVIRONMENTS)

    @property
    def disk_gb(self) -> int:
        """As AWS counts it: whole GiB, rounded up."""
        return -(-self.disk // GIGABYTE)

    @field_validator("types")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name, times in Counter(value).items() if times > 1]
        if twice:
            raise spec_mistake(f'found "{twice[0]}" twice', "write each type once")
        return value


class Ec2HubSpec(Ec2RoleSpec):
    """The host of the hub; seats without a GPU live on it, too."""

    types: HubTypes = Field(("t3.large",), description=_TYPES.format("t3.large"))
    market: Literal["on-demand"] = Field(
        "on-demand",
        description="on-demand: AWS may take a spot machine away, and the class with it",
    )
    disk: Disk = Field(50 * GIGABYTE, description=_DISK.format("50G"))
    environments: Names = Field(("hub",), description="a list of names, such as [hub]")


class Ec2GpuSpec(Ec2RoleSpec):
    """Hosts with a GPU, one for each seat that needs one."""

    count: int = Field(ge=0, le=MOST_HOSTS, description=_COUNT)
    types: GpuTypes = Field(
        ("g4dn.xlarge", "g5.xlarge"),
        description=_TYPES.format("g4dn.xlarge, g5.xlarge"),
    )
    market: Market = Field("on-demand", description="spot or on-demand")
    disk: Disk = Field(100 * GIGABYTE, description=_DISK.format("100G"))
    environments: Names = Field(("nlp-gpu",), description=_ENVIRONMENTS)


class Ec2ArmSpec(Ec2RoleSpec):
    """Hosts with an Arm processor, for the lab on deployment."""

    count: int = Field(ge=0, le=MOST_HOSTS, description=_COUNT)
    types: ArmTypes = Field(
        ("c7g.large", "t4g.large", "a1.large"),
        description=_TYPES.format("c7g.large, a1.large"),
    )
    market: Market = Field("on-demand", description="spot or on-demand")
    disk: Disk = Field(30 * GIGABYTE, description=_DISK.format("30G"))


class Ec2HostsSpec(SpecModel):
    """Machines that are created for the workshop and end with it."""

    provider: Literal["ec2"]
    region: str = Field(description="an AWS region, such as us-east-1")
    zones: Annotated[tuple[str, ...], BeforeValidator(as_names)] = Field(
        (), description="a list of zones of the region, such as [us-east-1a, us-east-1b]"
    )
    profile: str | None = Field(
        None, min_length=1, description="the name of a profile in ~/.aws/config"
    )
    access: Access = Field(
        ("auto",),
        description="auto, or addresses such as 203.0.113.7/32, from which people come",
    )
    hours: float = Field(
        8, ge=0.25, le=168, description="a number of hours from 0.25 to 168, such as 8"
    )
    extend_hours: float = Field(
        2,
        ge=0,
        le=24,
        description="a number of hours from 0 to 24, such as 2, that staff may add from the wall",
    )
    spare: int = Field(
        0, ge=0, le=MOST_SPARES, description=f"a whole number from 0 to {MOST_SPARES}, such as 1"
    )
    hub: Ec2HubSpec = Field(
        default_factory=Ec2HubSpec, description="keys of the hub's host, such as types: [t3.large]"
    )
    gpu: Ec2GpuSpec | None = Field(None, description="`count:`, `types:` and so on")
    arm: Ec2ArmSpec | None = Field(None, description="`count:`, `types:` and so on")

    @field_validator("region")
    @classmethod
    def _looks_like_a_region(cls, value: str) -> str:
        if _REGION.fullmatch(value):
            return value
        if _REGION.fullmatch(value[:-1]):
            found = f"found {describe(value)}, which is a zone"
            raise spec_mistake(found, f"write {value[:-1]}, and the zone as `zones: [{value}]`")
        raise spec_mistake(f"found {describe(value)}", "write an AWS region, such as us-east-1")

    @field_validator("access")
    @classmethod
    def _is_clear(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return check_access(value)

    @model_validator(mode="after")
    def _zones_belong_to_the_region(self) -> Ec2HostsSpec:
        for zone in self.zones:
            if not re.fullmatch(rf"{re.escape(self.region)}(-[a-z]+-\d)?[a-z]", zone):
                found = f"found {describe(zone)}, which is no zone of {self.region}"
                raise spec_mistake(found, f"write zones such as {self.region}a", key="zones")
        return self

    def resolve(self, base: Path) -> Ec2HostsSpec:
        """The same: nothing in it is a path."""
        return self


class MachineSpec(SpecModel):
    """One machine of a list. It is never created or ended, only used."""

    name: str = Field(description="hub, or the role and a number, such as gpu-01")
    role: Role = Field(description="hub, gpu or arm")
    address: str = Field(
        pattern=r"^[0-9A-Za-z]([0-9A-Za-z.:-]*[0-9A-Za-z])?$",
        description="where it answers SSH, such as 192.0.2.10",
    )
    port: Port = Field(22, description="a whole number from 1 to 65535, such as 22")
    user: str = Field(
        "ubuntu",
        pattern=r"^[a-z_][a-z0-9_-]{0,31}$",
        description="an account that may use sudo without a password, such as ubuntu",
    )
    host_key: Annotated[str, AfterValidator(check_host_key)] = Field(
        description="the line of /etc/ssh/ssh_host_ed25519_key.pub on that machine"
    )
    private_address: str | None = Field(
        None, description="where the other machines reach it, if not at `address`"
    )
    environments: Names = Field((), description=_ENVIRONMENTS)

    @model_validator(mode="after")
    def _name_tells_the_role(self) -> MachineSpec:
        if not _NAME.fullmatch(self.name):
            found = f"found {describe(self.name)}"
            raise spec_mistake(found, "write hub, or gpu-01, arm-01 and so on", key="name")
        if self.name.split("-")[0] != self.role:
            found = f"found {self.role} for a machine with the name {self.name}"
            raise spec_mistake(found, f"write {self.name.split('-')[0]}", key="role")
        return self


Machines = Annotated[tuple[MachineSpec, ...], BeforeValidator(as_tuple), AfterValidator(not_empty)]


class MachineHostsSpec(SpecModel):
    """Machines that are there already, in a room or from another cloud."""

    provider: Literal["hosts"]
    key: FilePath = Field(description="the path of the private key that opens them")
    machines: Machines = Field(
        description="a list of machines, each with name, role, address and host_key"
    )

    @model_validator(mode="after")
    def _each_place_once(self) -> MachineHostsSpec:
        names = Counter(machine.name for machine in self.machines)
        places = Counter((machine.address, machine.port) for machine in self.machines)
        if twice := [name for name, times in names.items() if times > 1]:
            raise spec_mistake(
                f"found {twice[0]} twice", "give each machine a name of its own", key="machines"
            )
        if same := [place for place, times in places.items() if times > 1]:
            found = f"found two machines at {same[0][0]}, port {same[0][1]}"
            raise spec_mistake(found, "write each machine once", key="machines")
        return self

    def resolve(self, base: Path) -> MachineHostsSpec:
        return self.model_copy(update={"key": absolute(base, self.key)})


HostsSpec = Annotated[Ec2HostsSpec | MachineHostsSpec, Field(discriminator="provider")]
