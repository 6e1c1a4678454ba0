"""How often somebody may guess: asked before a code is hashed, told when it was right.

A class sits behind one address, so an address may try often and each seat of it seldom.
Forty random bits protect a seat in any case; the limits protect the hub's cores.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limit:
    """`burst` tries at once, then one more every `seconds`."""

    burst: int
    seconds: float


#: One address at one seat: a person who mistypes.
PAIR = Limit(5, 20.0)
#: One seat from everywhere. One address can't use it up, so it can't lock the seat for others.
SEAT = Limit(40, 1.0)
#: One address at all seats: 300 people who log in at the same minute, behind one router.
ADDRESS = Limit(900, 0.5)

_MOST_ENTRIES = 20_000


@dataclass
class _Budget:
    """One limit for many keys (generic cell rate algorithm: one number per key).

    The number is the moment at which the key's whole burst is available again.
    """

    limit: Limit
    _full_at: OrderedDict[Hashable, float] = field(default_factory=OrderedDict)

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until the next try is allowed; 0 for now."""
        debt = max(self._full_at.get(key, now) - now, 0.0)
        return max(debt - (self.limit.burst - 1) * self.limit.seconds, 0.0)

    def take(self, key: Hashable, now: float) -> None:
        self._full_at[key] = max(self._full_at.get(key, now), now) + self.limit.seconds
        self._full_at.move_to_end(key)
        if len(self._full_at) > _MOST_ENTRIES:
            self._full_at.popitem(last=False)

    def give_back(self, key: Hashable) -> None:
        if key in self._full_at:
            self._full_at[key] -= self.limit.seconds


class Throttle:
    """Limits on wrong codes. The clock is any that never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pairs, self._seats, self._addresses = _Budget(PAIR), _Budget(SEAT), _Budget(ADDRESS)
        #: Addresses from which a seat was opened: others who guess can't keep them out.
        self._known: OrderedDict[tuple[str, int], None] = OrderedDict()

    def attempt(self, address: str, seat: int) -> float:
        """Seconds to wait, or 0: then the try counts until `succeeded` takes it back.

        It counts at once, so that tries at the same moment can't slip through together.
        """
        now, network = self._clock(), network_of(address)
        budgets = self._budgets(network, seat)
        wait = max(budget.wait(key, now) for budget, key in budgets)
        if wait == 0:
            for budget, key in budgets:
                budget.take(key, now)
        return wait

    def succeeded(self, address: str, seat: int) -> None:
        """The code was right: the try is forgotten, and the address is known from now on."""
        network = network_of(address)
        for budget, key in self._budgets(network, seat):
            budget.give_back(key)
        self._known[(network, seat)] = None
        self._known.move_to_end((network, seat))
        if len(self._known) > _MOST_ENTRIES:
            self._known.popitem(last=False)

    def _budgets(self, network: str, seat: int) -> list[tuple[_Budget, Hashable]]:
        pair: tuple[_Budget, Hashable] = (self._pairs, (network, seat))
        if (network, seat) in self._known:
            return [pair]
        return [pair, (self._seats, seat), (self._addresses, network)]


def network_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 network that one IPv6 user owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
