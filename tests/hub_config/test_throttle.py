"""Guessers wait, and they can't make others wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub_config.throttle import ADDRESS, PAIR, SEAT, Throttle, network_of


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def start() -> tuple[Throttle, Clock]:
    clock = Clock()
    return Throttle(clock), clock


def test_a_thousand_guesses_are_throttled_and_the_holder_gets_in() -> None:
    throttle, clock = start()
    allowed = 0
    for _ in range(1000):
        allowed += throttle.attempt("192.0.2.66", 7) == 0
        clock.now += 0.1
    assert allowed <= PAIR.burst + 100 / PAIR.seconds + 1
    assert throttle.attempt("192.0.2.7", 7) == 0


def test_a_mistyped_code_costs_a_short_wait_that_ends() -> None:
    throttle, clock = start()
    for _ in range(PAIR.burst):
        assert throttle.attempt("192.0.2.7", 7) == 0
    wait = throttle.attempt("192.0.2.7", 7)
    assert 0 < wait <= PAIR.seconds
    clock.now += wait
    assert throttle.attempt("192.0.2.7", 7) == 0


def test_a_refused_try_does_not_lengthen_the_wait() -> None:
    throttle, _ = start()
    waits = [throttle.attempt("192.0.2.7", 7) for _ in range(PAIR.burst + 50)]
    assert max(waits) <= PAIR.seconds


def test_a_class_behind_one_address_logs_in_at_once() -> None:
    throttle, _ = start()
    # All at the same moment, each after two wrong tries, before any answer is known.
    for seat in range(1, 301):
        for _ in range(3):
            assert throttle.attempt("192.0.2.1", seat) == 0


def test_one_address_can_t_try_all_seats_for_ever() -> None:
    throttle, _ = start()
    tries = [throttle.attempt("192.0.2.66", seat) == 0 for seat in range(1, 2001)]
    assert sum(tries) == ADDRESS.burst


def test_many_addresses_together_keep_a_seat_s_budget() -> None:
    throttle, _ = start()
    allowed = sum(throttle.attempt(f"10.0.{n // 200}.{n % 200}", 7) == 0 for n in range(1000))
    assert allowed == SEAT.burst


def test_guessers_everywhere_can_t_keep_out_an_address_that_the_seat_knows() -> None:
    throttle, _ = start()
    assert throttle.attempt("192.0.2.7", 7) == 0
    throttle.succeeded("192.0.2.7", 7)
    for n in range(1000):
        throttle.attempt(f"10.0.{n // 200}.{n % 200}", 7)
    assert throttle.attempt("192.0.2.7", 7) == 0
    assert 0 < throttle.attempt("192.0.2.8", 7) <= SEAT.seconds


def test_right_codes_cost_nothing() -> None:
    throttle, _ = start()
    for _ in range(100):
        assert throttle.attempt("192.0.2.7", 7) == 0
        throttle.succeeded("192.0.2.7", 7)


def test_tries_at_the_same_moment_are_counted_before_they_are_judged() -> None:
    throttle, _ = start()
    assert sum(throttle.attempt("192.0.2.66", 7) == 0 for _ in range(100)) == PAIR.burst


def test_one_person_s_network_is_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2")
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert len(network_of("not an address" * 100)) <= 64


def test_memory_is_bounded() -> None:
    throttle, _ = start()
    for n in range(45_000):
        throttle.attempt(f"10.{n >> 16}.{(n >> 8) & 255}.{n & 255}", n)
    sizes = [len(b._full_at) for b in (throttle._pairs, throttle._seats, throttle._addresses)]
    assert max(sizes) <= 20_000


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.floats(0, 30), st.booleans()),
        max_size=200,
    )
)
def test_waits_are_never_longer_than_one_step_and_end(
    story: list[tuple[str, int, float, bool]],
) -> None:
    throttle, clock = start()
    for address, seat, pause, right in story:
        clock.now += pause
        wait = throttle.attempt(address, seat)
        assert 0 <= wait <= PAIR.seconds
        if wait:
            clock.now += wait + 1e-6
            assert throttle.attempt(address, seat) == 0
        if right:
            throttle.succeeded(address, seat)
