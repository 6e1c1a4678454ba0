"""Which host of a chain is so slow that those behind it should not wait for it."""

from __future__ import annotations

from collections import deque

#: Reports come once a second; a rate is taken over these many.
_REPORTS = 4
#: It has less than this share of the pace of the host before it ...
_SLOW = 0.6
#: ... and is behind by this share of the archive.
_BEHIND = 0.08


class Pace:
    """What the hosts reported, and who lags behind. Times are seconds of one clock."""

    def __init__(self, archive_bytes: int) -> None:
        self._whole = archive_bytes
        self._reports: dict[str, deque[tuple[float, int]]] = {}

    def note(self, name: str, now: float, there: int) -> None:
        """`name` has so many bytes now."""
        self._reports.setdefault(name, deque(maxlen=_REPORTS)).append((now, there))

    def forget(self) -> None:
        """Somebody takes from another host now: what was measured before says nothing."""
        self._reports.clear()

    def holds_up(self, name: str, order: tuple[str, ...]) -> bool:
        """Whether the ones behind it in the chain wait for `name`; nobody is behind the last."""
        place = order.index(name) if name in order else 0
        return 0 < place < len(order) - 1 and self._lags(name, order[place - 1])

    def _lags(self, name: str, before: str) -> bool:
        pace, better = self._rate(name), self._rate(before)
        if pace is None or better is None:
            return False
        now, there = self._reports[name][-1]
        # What the other one had then: its last report may be a second younger.
        had = max((least for at, least in self._reports[before] if at <= now), default=0)
        return had - there > _BEHIND * self._whole and pace < _SLOW * better

    def _rate(self, name: str) -> float | None:
        """Bytes a second; None before there are enough reports."""
        reports = self._reports.get(name)
        if reports is None or len(reports) < _REPORTS:
            return None
        (began, first), (ended, last) = reports[0], reports[-1]
        return (last - first) / max(ended - began, 0.001)
