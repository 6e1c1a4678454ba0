"""Who may come in: ranges that people mean, and none that opens a workshop by accident."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from provisioning.access import check_access, check_range


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("auto", "auto"),
        ("anyone", "anyone"),
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.7/32", "203.0.113.7/32"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_what_is_meant(written: str, meant: str) -> None:
    assert check_range(written) == meant


@pytest.mark.parametrize(
    ("written", "found", "write"),
    [
        ("0.0.0.0/0", "which is all of the internet", "or anyone"),
        ("0.0.0.0/1", "which is 1/2 of the internet", "or anyone"),
        ("64.0.0.0/7", "which is 1/128 of the internet", "or anyone"),
        ("203.0.113.7/24", "an address inside of a range", "write 203.0.113.0/24 for the range"),
        ("2001:db8::/32", "the hosts have IPv4 addresses", "such as 203.0.113.7/32"),
        ("home", 'found "home"', "such as 203.0.113.7/32"),
        ("203.0.113.7/255.255.255.0/1", "found", "such as 203.0.113.7/32"),
        ("", 'found ""', "such as 203.0.113.7/32"),
    ],
)
def test_what_is_refused_and_what_to_write(written: str, found: str, write: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        check_range(written)
    assert caught.value.context is not None
    assert found in caught.value.context["found"]
    assert write in caught.value.context["write"]


def test_anyone_stands_alone() -> None:
    assert check_access(("anyone",)) == ("anyone",)
    with pytest.raises(PydanticCustomError):
        check_access(("203.0.113.7/32", "anyone"))


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_no_range_that_is_let_in_is_wider_than_a_campus(
    address: ipaddress.IPv4Address, prefix: int
) -> None:
    network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    try:
        allowed = check_range(str(network))
    except PydanticCustomError:
        assert prefix < 8
    else:
        assert ipaddress.ip_network(allowed) == network
        assert network.num_addresses <= 2**24
