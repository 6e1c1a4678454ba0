from hypothesis import given
from hypothesis import strategies as st

from provisioning.fleet import Market, WantedHost
from provisioning.providers.ec2.placement import Candidate, candidates

OFFERS = {"g4dn.xlarge": ("us-east-1a", "us-east-1b", "us-east-1c"), "g5.xlarge": ("us-east-1b",)}


def place(name: str = "gpu-03", market: Market = "on-demand") -> WantedHost:
    return WantedHost(name, "gpu", ("g4dn.xlarge", "g5.xlarge"), market, 100, None, ())


def zones(name: str, **more: int) -> list[str]:
    found = candidates(place(name), {"g4dn.xlarge": OFFERS["g4dn.xlarge"]}, **more)
    return [candidate.zone[-1] for candidate in found]


def test_the_preferred_type_is_tried_in_every_zone_before_the_next_type() -> None:
    assert candidates(place(), OFFERS) == (
        Candidate("g4dn.xlarge", "us-east-1a", "on-demand"),
        Candidate("g4dn.xlarge", "us-east-1b", "on-demand"),
        Candidate("g4dn.xlarge", "us-east-1c", "on-demand"),
        Candidate("g5.xlarge", "us-east-1b", "on-demand"),
    )


def test_spot_is_tried_everywhere_before_anything_on_demand() -> None:
    markets = [candidate.market for candidate in candidates(place(market="spot"), OFFERS)]
    assert markets == ["spot"] * 4 + ["on-demand"] * 4


def test_neighbouring_places_begin_in_different_zones() -> None:
    assert [zones(f"gpu-{n:02}")[0] for n in (1, 2, 3, 4)] == ["b", "c", "a", "b"]
    assert zones("hub") == ["a", "b", "c"]


def test_a_place_whose_machine_died_begins_in_the_next_zone() -> None:
    assert zones("gpu-01", shift=0) == ["b", "c", "a"]
    assert zones("gpu-01", shift=1) == ["c", "a", "b"]


def test_a_type_that_no_zone_offers_is_left_out() -> None:
    assert candidates(place(), {}) == ()
    assert {one.type for one in candidates(place(), {"g5.xlarge": ("us-east-1b",)})} == {
        "g5.xlarge"
    }


@given(
    st.integers(0, 400),
    st.integers(0, 5),
    st.dictionaries(
        st.sampled_from(["g4dn.xlarge", "g5.xlarge"]),
        st.lists(st.sampled_from("abcdef"), unique=True).map(tuple),
    ),
)
def test_every_place_tries_every_offer_exactly_once(
    number: int, shift: int, offers: dict[str, tuple[str, ...]]
) -> None:
    found = candidates(place(f"gpu-{number:02}", "spot"), offers, shift=shift)
    wanted = {
        (type_, zone, market)
        for type_, zones in offers.items()
        for zone in zones
        for market in ("spot", "on-demand")
    }
    assert len(found) == len(wanted)
    assert {(one.type, one.zone, one.market) for one in found} == wanted
