"""Who may reach the workshop: ranges of addresses as people write them."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator

from provisioning.spec_file import describe
from provisioning.spec_types import spec_mistake

#: Find this computer's own address and let it in.
AUTO = "auto"
#: Everybody on the internet; written out, so that nobody opens a workshop by accident.
ANYONE = "anyone"

# 2**24 addresses. Wider than any campus, and 0.0.0.0/1 is not a way around `anyone`.
_WIDEST_PREFIX = 8
_WRITE = "write an address or a range, such as 203.0.113.7/32 or 198.51.100.0/24, or auto"


def check_range(value: str) -> str:
    """`auto`, `anyone`, or an IPv4 range in the form a.b.c.d/n; a spec mistake otherwise."""
    if value in (AUTO, ANYONE):
        return value
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise spec_mistake(f"found {describe(value)}", _WRITE) from None
    if network.version != 4:
        raise spec_mistake(f"found {describe(value)}; the hosts have IPv4 addresses", _WRITE)
    if network.prefixlen < _WIDEST_PREFIX:
        found = f"found {describe(value)}, which is {_share(network.prefixlen)} of the internet"
        raise spec_mistake(
            found, f"{_WRITE}; or anyone, if strangers shall reach the hub and try its SSH"
        )
    if "/" in value and str(network) != value:
        found = f"found {describe(value)}, an address inside of a range"
        host = value.split("/")[0]
        raise spec_mistake(found, f"write {network} for the range, or {host}/32 for the address")
    return str(network)


AccessRange = Annotated[str, AfterValidator(check_range)]


def check_access(ranges: tuple[str, ...]) -> tuple[str, ...]:
    """`anyone` makes the others meaningless, so it stands alone."""
    if ANYONE in ranges and len(ranges) > 1:
        raise spec_mistake("found anyone among other addresses", "write anyone alone, or remove it")
    return ranges


def _share(prefix: int) -> str:
    return "all" if prefix == 0 else f"1/{2**prefix}"
