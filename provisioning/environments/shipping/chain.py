"""Who takes from whom: every host from the one before it, as long as that one gives.

A chain uses every link once in each direction, so the time hardly depends on the number of
hosts. Nothing here talks to a host.
"""

from __future__ import annotations

#: A host knows so many before it, for when they die; then the first ones.
_NEAREST = 6
_FIRST = 2


class Chain:
    """Hosts in the order of their joining, so that one that comes late holds up nobody.

    Taking only from hosts before oneself means that nobody waits in a circle.
    """

    def __init__(self) -> None:
        self._giving: list[str] = []
        self._taking: list[str] = []

    def join(self, name: str, *, gives: bool, has_all: bool = False) -> None:
        """A host that others reach `gives`; one that `has_all` is best asked first."""
        if not gives:
            self._taking.append(name)
        elif has_all:
            self._giving.insert(0, name)
        else:
            self._giving.append(name)

    def leave(self, name: str) -> None:
        """It is dead, or it can't take part."""
        for hosts in (self._giving, self._taking):
            if name in hosts:
                hosts.remove(name)

    def move_to_end(self, name: str) -> None:
        """Behind all others: it is so slow that it would hold them up."""
        if name in self._giving:
            self._giving.remove(name)
            self._giving.append(name)

    def before(self, name: str) -> str | None:
        """The host that `name` takes from, if all goes well."""
        return next(iter(self.sources(name)), None)

    @property
    def order(self) -> tuple[str, ...]:
        return (*self._giving, *self._taking)

    def sources(self, name: str) -> tuple[str, ...]:
        """Whom `name` may ask, the best first; nobody: it must be fed from here."""
        if name in self._giving:
            before = self._giving[: self._giving.index(name)]
        elif name in self._taking:
            before = self._giving
        else:
            return ()
        nearest = before[: -_NEAREST - 1 : -1]
        return tuple(dict.fromkeys((*nearest, *before[:_FIRST])))
