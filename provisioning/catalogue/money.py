"""Amounts of US dollars that are known only as a range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both included; units are the user's."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factor: Range | float) -> Range:
        other = factor if isinstance(factor, Range) else Range(factor, factor)
        return Range(self.low * other.low, self.high * other.high)

    def dollars(self) -> str:
        """For people: "$4.21", or "$12 to $75"; more digits than are known would be a lie."""
        low, high = dollars(self.low), dollars(self.high)
        return low if low == high else f"{low} to {high}"


def exactly(amount: float) -> Range:
    return Range(amount, amount)


def total(amounts: Iterable[Range]) -> Range:
    return sum(amounts, Range(0, 0))


def dollars(amount: float) -> str:
    if amount >= 10:
        return f"${amount:,.0f}"
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.3f}"
