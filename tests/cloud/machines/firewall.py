"""Which packets of a test network arrive: lost ones, cut cables, security groups.

Every change replaces the network's nftables table in one transaction, from what is wished for
each cable now, so nothing is left behind by a change.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, collapse_addresses

from tests.cloud.machines.commands import run
from tests.cloud.machines_protocol import OpenPort


@dataclass(frozen=True)
class Cable:
    """What happens to IP packets of one machine. ARP always passes: on the internet, too,
    packets to a dead host vanish and nobody says "no route to host"."""

    cut: bool = False
    #: Of every hundred packets, both ways.
    lost_percent: int = 0
    #: Where new connections may come in; None lets everything in.
    open_ports: tuple[OpenPort, ...] | None = None


class Firewall:
    """The table `bridge NAME`; cables are named by our end's interface."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._cables: dict[str, Cable] = {}
        self._changing = threading.Lock()
        self._applying = threading.Lock()
        self._changes = self._applied = 0

    def change(self, interface: str, **changes: object) -> None:
        """Set fields of a cable, such as change("ws0h3", cut=True)."""
        with self._changing:
            before = self._cables.get(interface, Cable())
            self._cables[interface] = replace(before, **changes)  # type: ignore[arg-type]
            self._changes = number = self._changes + 1
        self._apply(number)

    def forget(self, interface: str) -> None:
        with self._changing:
            if self._cables.pop(interface, Cable()) == Cable():
                return
            self._changes = number = self._changes + 1
        self._apply(number)

    def remove(self) -> None:
        """Take the whole table away; nothing to do when there is none."""
        run("nft", "-f", "-", stdin=self._gone())

    def _apply(self, number: int) -> None:
        """Make change `number` true, with all that were asked for while others were applied:
        fifty machines that come up together change the rules of each other."""
        with self._applying:
            if self._applied >= number:
                return
            with self._changing:
                applied, rules = self._changes, "\n".join((self._gone(), *self._rules()))
            run("nft", "-f", "-", stdin=rules)
            self._applied = applied

    def _gone(self) -> str:
        return f"add table bridge {self._name}\ndelete table bridge {self._name}\n"

    def _rules(self) -> Iterator[str]:
        guarded = {
            name: cable.open_ports
            for name, cable in self._cables.items()
            if cable.open_ports is not None
        }
        yield f"table bridge {self._name} {{"
        for name, ports in guarded.items():
            yield from _guard(name, ports)
        yield "chain forward { type filter hook forward priority 0; policy accept;"
        for name, cable in self._cables.items():
            for way in (f"iifname {name}", f"oifname {name}"):
                if cable.cut:
                    yield f"ether type ip {way} drop"
                elif cable.lost_percent:
                    yield f"ether type ip {way} numgen random mod 100 < {cable.lost_percent} drop"
        if guarded:
            verdicts = ", ".join(f"{name} : jump guard-{name}" for name in guarded)
            yield f"oifname vmap {{ {verdicts} }}"
        yield "}\n}"


def _guard(name: str, ports: tuple[OpenPort, ...]) -> Iterator[str]:
    """Only the first packet of a connection is judged: answers pass as with a stateful one."""
    yield f"chain guard-{name} {{"
    sources: dict[tuple[int, int], list[IPv4Network]] = {}
    for port in ports:
        sources.setdefault((port.first, port.last), []).append(IPv4Network(port.source))
    for (first, last), networks in sources.items():
        together = ", ".join(str(one) for one in collapse_addresses(networks))
        yield f"ip saddr {{ {together} }} tcp dport {first}-{last} accept"
    yield "tcp flags & (syn | ack) == syn drop\n}"
