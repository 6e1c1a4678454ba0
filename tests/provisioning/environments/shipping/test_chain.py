"""Who is asked for chunks, by whom, in which order."""

from __future__ import annotations

import pytest

from provisioning.environments.shipping.chain import Chain
from provisioning.environments.shipping.pace import Pace


@pytest.fixture
def chain():
    chain = Chain()
    for name in "abcdefghij":
        chain.join(name, gives=True)
    return chain


def test_the_first_host_asks_nobody_and_each_other_the_one_before_it(chain):
    assert chain.sources("a") == ()
    assert chain.sources("b") == ("a",)
    assert chain.sources("d") == ("c", "b", "a")


def test_in_a_long_chain_a_host_knows_the_nearest_and_the_first(chain):
    assert chain.sources("j") == ("i", "h", "g", "f", "e", "d", "a", "b")


def test_nobody_asks_a_host_that_is_gone(chain):
    chain.leave("c")

    assert chain.sources("d") == ("b", "a")
    assert chain.sources("c") == ()


def test_who_has_everything_is_the_first(chain):
    chain.join("z", gives=True, has_all=True)

    assert chain.sources("a") == ("z",)
    assert chain.sources("z") == ()


def test_a_host_that_others_cannot_reach_asks_and_is_not_asked(chain):
    chain.join("closed", gives=False)
    chain.join("k", gives=True)

    assert chain.sources("closed")[0] == "k"
    assert "closed" not in chain.sources("k")


def test_a_slow_host_goes_behind_the_others_and_asks_the_last(chain):
    chain.move_to_end("b")

    assert chain.sources("c") == ("a",)
    assert chain.sources("b")[0] == "j"


def test_nobody_ever_waits_in_a_circle(chain):
    chain.move_to_end("d")
    chain.leave("a")
    chain.join("a", gives=True)
    seen = set()
    for name in chain.order:
        assert set(chain.sources(name)) <= seen
        seen.add(name)


def report(pace, second, **megabytes):
    for name, there in megabytes.items():
        pace.note(name, float(second), int(there * 1e6))


def who_holds_up(pace, order):
    return "".join(name for name in order if pace.holds_up(name, tuple(order)))


def test_a_host_that_falls_behind_is_found_after_some_seconds():
    pace = Pace(100_000_000)
    for second in range(5):
        report(pace, second, a=10 * second, b=2 * second, c=2 * second)
        assert who_holds_up(pace, "abc") == ("b" if second >= 3 else "")


def test_the_last_host_may_be_as_slow_as_it_likes():
    pace = Pace(100_000_000)
    for second in range(6):
        report(pace, second, a=10 * second, b=10 * second, c=second)

    assert who_holds_up(pace, "abc") == ""


def test_a_host_that_is_behind_and_catches_up_stays():
    pace = Pace(100_000_000)
    for second in range(6):
        report(pace, second, a=50 + 5 * second, b=10 + 8 * second, c=second)

    assert who_holds_up(pace, "abc") == ""


def test_reports_of_different_age_make_nobody_slow():
    pace = Pace(100_000_000)
    for second in range(8):
        pace.note("b", second, max(0, second - 4) * 20_000_000)
        pace.note("c", second, max(0, second - 4) * 20_000_000)
        pace.note("a", second + 0.9, int(max(0, second - 3.1) * 20_000_000))

        assert who_holds_up(pace, "abc") == ""


def test_a_hosts_place_is_judged_by_what_it_does_there():
    pace = Pace(100_000_000)
    for second in range(5):
        report(pace, second, a=10 * second, b=2 * second, c=2 * second)

    pace.forget()

    assert who_holds_up(pace, "acb") == ""
