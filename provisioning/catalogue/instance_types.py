"""The instance types that a workshop may use: what they are, and what they cost.

Data with a date and a source, never read from the network: `instance_types.csv` holds the types
with their us-east-1 prices, `catalogue.yaml` the families, other regions and where it all is from.
"""

from __future__ import annotations

import csv
import datetime
import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from provisioning.catalogue.money import Range
from provisioning.fleet import Architecture, Market


@dataclass(frozen=True)
class QuotaClass:
    """Families that share a quota of vCPUs, one for each market.

    The names are AWS's own: people meet them in the console.
    """

    name: str
    codes: dict[Market, str]
    names: dict[Market, str]


@dataclass(frozen=True)
class Family:
    """What all sizes of a family have in common."""

    name: str
    architecture: Architecture
    quota: QuotaClass
    #: Families of a group differ alike from region to region: gpu, cpu, inf.
    group: str
    #: The lowest spot price worth planning with, as a share of the on-demand price.
    spot_from: float
    #: "NVIDIA T4", "AWS Inferentia2", or nothing.
    accelerator: str
    #: One sentence for people who choose.
    purpose: str
    #: What people should know before they choose it, or nothing.
    caution: str = ""


@dataclass(frozen=True)
class InstanceType:
    """One type. Memory in GiB; prices in US dollars an hour in us-east-1, Linux, no discount."""

    name: str
    family: Family
    vcpus: int
    memory_gib: float
    accelerators: int
    #: Of each accelerator, as it is sold: AWS shows a little less.
    accelerator_gb: float
    on_demand: float
    #: Whether the price was read in a table, or is the one generally known.
    seen: bool

    @property
    def spot(self) -> Range:
        """AWS never asks for more than the on-demand price unless told to."""
        return Range(self.on_demand * self.family.spot_from, self.on_demand)

    @property
    def architecture(self) -> Architecture:
        return self.family.architecture

    @property
    def gpus(self) -> int:
        """NVIDIA GPUs; an Inferentia chip is none."""
        return self.accelerators if self.family.accelerator.startswith("NVIDIA") else 0


@dataclass(frozen=True)
class Retired:
    """A family that AWS has given up: when, and for each size what is nearest to it."""

    family: str
    when: str
    nearest: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class PriceTable:
    """Where the prices are from, and what comes on top of the machines."""

    date: datetime.date
    source: str
    #: US dollars for one GiB of gp3 and a month of 730 hours.
    disk_gb_month: float
    #: US dollars an hour for a public IPv4 address.
    address_hour: float
    #: Prices of a region and group of families as a multiple of those in us-east-1.
    regions: dict[str, dict[str, Range]]
    #: For what isn't in the table.
    elsewhere: Range

    def factor(self, region: str, group: str) -> Range:
        return self.regions.get(region, {}).get(group, self.elsewhere)


@dataclass(frozen=True)
class Catalogue:
    """Every type that is known, by name."""

    types: dict[str, InstanceType]
    families: dict[str, Family]
    retired: dict[str, Retired]
    quotas: dict[str, QuotaClass]
    prices: PriceTable


@functools.cache
def read_catalogue() -> Catalogue:
    """The catalogue that comes with this version."""
    folder = resources.files("provisioning.catalogue")
    facts = yaml.safe_load(folder.joinpath("catalogue.yaml").read_text(encoding="utf-8"))
    table = folder.joinpath("instance_types.csv").read_text(encoding="utf-8")
    quotas = {name: _quota(name, row) for name, row in facts["quotas"].items()}
    families = {name: _family(name, row, quotas) for name, row in facts["families"].items()}
    types = [_type(row, families) for row in csv.DictReader(table.splitlines())]
    return Catalogue(
        types={kind.name: kind for kind in types},
        families=families,
        retired={name: _retired(name, row) for name, row in facts["retired"].items()},
        quotas=quotas,
        prices=_prices(facts["prices"]),
    )


def _quota(name: str, row: dict[str, Any]) -> QuotaClass:
    markets: tuple[Market, ...] = ("on-demand", "spot")
    return QuotaClass(
        name=name,
        codes={market: row[market]["code"] for market in markets},
        names={market: row[market]["name"] for market in markets},
    )


def _family(name: str, row: dict[str, Any], quotas: dict[str, QuotaClass]) -> Family:
    return Family(
        name=name,
        architecture=row["architecture"],
        quota=quotas[row["quota"]],
        group=row["group"],
        spot_from=row["spot_from"],
        accelerator=row.get("accelerator", ""),
        purpose=row["purpose"],
        caution=row.get("caution", ""),
    )


def _type(row: dict[str, str], families: dict[str, Family]) -> InstanceType:
    return InstanceType(
        name=row["type"],
        family=families[row["type"].split(".")[0]],
        vcpus=int(row["vcpus"]),
        memory_gib=float(row["memory_gib"]),
        accelerators=int(row["accelerators"]),
        accelerator_gb=float(row["accelerator_gb"]),
        on_demand=float(row["on_demand"]),
        seen=row["seen"] == "yes",
    )


def _retired(name: str, row: dict[str, Any]) -> Retired:
    nearest = {size: tuple(types) for size, types in row["nearest"].items()}
    return Retired(family=name, when=row["when"], nearest=nearest)


def _prices(row: dict[str, Any]) -> PriceTable:
    return PriceTable(
        date=row["date"],
        source=row["source"],
        disk_gb_month=row["disk_gb_month"],
        address_hour=row["address_hour"],
        regions={
            name: {group: Range(*ends) for group, ends in groups.items()}
            for name, groups in row["regions"].items()
        },
        elsewhere=Range(*row["elsewhere"]),
    )
