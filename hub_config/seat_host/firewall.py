"""What a seat may reach: the internet as the host does, and of this host four ports.

The rules count by account, so they hold for everything in the seat. Without them no seat is
started: a table that somebody flushed is put back first.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hub_config.seat_host.protocol import SeatHostError

_RESOLV_CONF = Path("/etc/resolv.conf")
_SECONDS = 20
#: Other hosts of the workshop, the cloud's metadata and whatever else is not the internet.
_NOT_THE_INTERNET_4 = (
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, "
    "192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/3"
)
_NOT_THE_INTERNET_6 = "::/127, ::ffff:0:0/96, fc00::/7, fe80::/10, ff00::/8"


@dataclass(frozen=True)
class Admission:
    """One seat: its account, and the port that its server listens on."""

    uid: int
    port: int


@dataclass
class Firewall:
    """The table `inet workshop_NAME`. `reach` None: the network stays as it is."""

    workshop: str
    reach: tuple[int, ...] | None
    _admitted: set[Admission] = field(default_factory=set)

    @property
    def sentence(self) -> str:
        """For people."""
        if self.reach is None:
            return "seats reach what this machine reaches"
        ports = ", ".join(str(port) for port in sorted(self.reach))
        return f"seats reach the internet and, on this host, ports {ports} (nftables)"

    def admit(self, admission: Admission) -> None:
        """Before anything of the seat runs. Raises: SeatHostError when no rule can hold it."""
        if self.reach is None:
            return
        self._admitted.add(admission)
        try:
            _nft(_elements(self._table, {admission}))
        except SeatHostError:  # the table is not there, or not any more
            self.install()

    def install(self, running: Iterable[Admission] = ()) -> None:
        """The whole table in one step, with everybody who was admitted and seats that run: at
        no time are they without rules."""
        self._admitted.update(running)
        if self.reach is not None:
            rules = table(self._table, self.reach, nameservers(_resolv_conf()))
            _nft(rules + _elements(self._table, self._admitted))

    def dismiss(self, admission: Admission) -> None:
        """Forget a seat that has ended. Its rules stay: nothing may run without them."""
        self._admitted.discard(admission)

    @property
    def _table(self) -> str:
        return f"workshop_{self.workshop.replace('-', '_')}"


def table(name: str, reach: Iterable[int], resolvers: tuple[str, ...]) -> str:
    """The rules as nft reads them: pure."""
    ports = ", ".join(str(port) for port in sorted(reach))
    named = [f"ip daddr 127.0.0.0/8 tcp dport {{ {ports} }} accept"] if ports else []
    asked = [
        f"{'ip6' if ':' in resolver else 'ip'} daddr {resolver} meta l4proto {{ tcp, udp }} "
        "th dport 53 accept"
        for resolver in resolvers
    ]
    rules = (
        # Answers to whoever may call the seat's server; the call itself was judged elsewhere.
        "ct direction reply accept",
        *named,
        "ip daddr 127.0.0.0/8 meta skuid . tcp dport @own accept",
        *asked,
        f"ip daddr {{ {_NOT_THE_INTERNET_4} }} reject",
        f"ip6 daddr {{ {_NOT_THE_INTERNET_6} }} reject",
        # This host under any other address that it has.
        "fib daddr type local reject",
    )
    lines = "\n".join(f"        {rule}" for rule in rules)
    return f"""\
add table inet {name}
delete table inet {name}
table inet {name} {{
    set seats {{ type uid; }}
    set own {{ type uid . inet_service; }}
    chain seat {{
{lines}
    }}
    chain output {{
        type filter hook output priority 0; policy accept;
        meta skuid @seats jump seat
    }}
}}
"""


def _resolv_conf() -> str:
    """A host may resolve no names at all."""
    return _RESOLV_CONF.read_text() if _RESOLV_CONF.exists() else ""


def nameservers(resolv_conf: str) -> tuple[str, ...]:
    """Whom names are asked of; the cloud's metadata address is never one of them."""
    lines = (line.split() for line in resolv_conf.splitlines())
    found = [fields[1] for fields in lines if len(fields) > 1 and fields[0] == "nameserver"]
    return tuple(
        dict.fromkeys(each.partition("%")[0] for each in found if each != "169.254.169.254")
    )


def remove(workshop: str) -> None:
    """Take the table away; nothing to do when there is none."""
    name = Firewall(workshop, ())._table
    _nft(f"add table inet {name}\ndelete table inet {name}\n")


def _elements(name: str, admitted: Iterable[Admission]) -> str:
    return "".join(
        f"add element inet {name} seats {{ {each.uid} }}\n"
        f"add element inet {name} own {{ {each.uid} . {each.port} }}\n"
        for each in sorted(admitted, key=lambda each: each.uid)
    )


def _nft(rules: str) -> None:
    try:
        done = subprocess.run(
            ["nft", "-f", "-"],
            input=rules,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        said = done.stderr.strip().splitlines()[:1] if done.returncode else []
    except (OSError, subprocess.TimeoutExpired) as error:
        said = [str(error)]
    if said:
        raise SeatHostError(
            "firewall",
            f"the rules that hold seats apart can't be set: {said[0]}; no seat was started",
            next_step="install nftables on this host (apt-get install nftables)",
        )
