"""What hosts cost: US dollars from the dated price table, always as a range. Pure, no network.

Counted are machines, their disks and their public addresses; traffic and taxes are not.
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioning.catalogue.instance_types import read_catalogue
from provisioning.catalogue.money import Range, exactly, total
from provisioning.fleet import Fleet, Host, Market, WantedHost

#: AWS reckons a month of disk as so many hours.
_MONTH_HOURS = 730


def hourly_of(type_name: str, market: Market, region: str, disk_gb: int = 0) -> Range | None:
    """A running host, its disk and its address, an hour; None for a type that isn't in the table.

    On the spot market the upper end is the on-demand price: AWS asks for no more, and where
    spot has none left, hosts are taken on demand.
    """
    catalogue = read_catalogue()
    kind = catalogue.types.get(type_name)
    if kind is None:
        return None
    price = kind.spot if market == "spot" else exactly(kind.on_demand)
    machine = price.times(catalogue.prices.factor(region, kind.family.group))
    return machine + disk_of(disk_gb, region) + exactly(catalogue.prices.address_hour)


def disk_of(disk_gb: int, region: str) -> Range:
    """A disk an hour, whether its host runs or not."""
    prices = read_catalogue().prices
    return prices.factor(region, "cpu").times(disk_gb * prices.disk_gb_month / _MONTH_HOURS)


def hourly(fleet: Fleet, disks: Mapping[str, int] | None = None) -> Range:
    """What is there now, an hour: stopped hosts cost their disks, ended ones nothing.

    `disks` gives the GiB by name where they are known. See `unpriced` for what is left out.
    """
    sizes = disks or {}
    return total(_of_host(host, sizes.get(host.name, 0)) for host in fleet.hosts)


def unpriced(fleet: Fleet) -> tuple[str, ...]:
    """Names of hosts that cost something which the table doesn't know."""
    known = read_catalogue().types
    return tuple(
        host.name
        for host in fleet.hosts
        if host.type and host.type not in known and host.state != "gone"
    )


def hourly_wanted(host: WantedHost, region: str) -> Range:
    """A host that will be created: any of its types, so from the cheapest to the dearest."""
    prices = [hourly_of(name, host.market, region, host.disk_gb) for name in host.types]
    known = [price for price in prices if price is not None]
    if not known:
        return exactly(0)
    return Range(min(price.low for price in known), max(price.high for price in known))


def _of_host(host: Host, disk_gb: int) -> Range:
    match host.state:
        case "gone":
            return exactly(0)
        case "stopping" | "stopped":
            return disk_of(disk_gb, host.region)
        case _:
            found = hourly_of(host.type, host.market, host.region, disk_gb)
            return found if found is not None else exactly(0)
