"""From which addresses people reach the hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

import httpx

from provisioning.access import ANYONE, AUTO
from provisioning.errors import NotPossibleHere

#: AWS's own: it answers with the asker's IPv4 address and nothing else.
#: https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
CHECK_ADDRESS = "https://checkip.amazonaws.com"
_MOST_CHARACTERS = 64


class AddressUnknown(NotPossibleHere):
    """Nobody could say how this computer looks from the internet. Nothing was opened."""


def my_address(url: str = CHECK_ADDRESS, *, seconds: float = 10) -> str:
    """This computer's public IPv4 address, as the internet sees it. Raises: AddressUnknown."""
    try:
        answer = httpx.get(url, timeout=seconds, follow_redirects=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise _unknown(f"{url} didn't answer: {error}") from error
    return _checked(answer.text[:_MOST_CHARACTERS].strip(), url)


def access_ranges(access: Iterable[str], my_address: Callable[[], str]) -> tuple[str, ...]:
    """The CIDR ranges that a spec's `access` means today. Raises: AddressUnknown."""
    return tuple(dict.fromkeys(_range(one, my_address) for one in access))


def _range(one: str, my_address: Callable[[], str]) -> str:
    match one:
        case str() if one == AUTO:
            return f"{my_address()}/32"
        case str() if one == ANYONE:
            return "0.0.0.0/0"
        case _:
            return str(ipaddress.ip_network(one, strict=False))


def _checked(text: str, url: str) -> str:
    """What a captive portal or a proxy says instead must not open a door."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise _unknown(f"{url} answered with something that is no address") from None
    if address.version != 4 or not address.is_global:
        raise _unknown(f"{url} answered with {address}, which is no public IPv4 address")
    return str(address)


def _unknown(why: str) -> AddressUnknown:
    return AddressUnknown(
        f"Your public address can't be found: {why}; no door was opened or closed",
        next_step="write your address in workshop.yaml as `access: a.b.c.d/32` under `hosts:`",
    )
