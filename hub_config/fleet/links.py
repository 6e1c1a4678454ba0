"""The links of the hub's host to the hosts that run seats: what each forwards, as SSH reads it.

One OpenSSH client per host, kept by the supervisor. Through it the proxy finds each seat's server
at a port of its own on the hub's loopback, and the hub the service that starts seats; on the
other host's loopback the seats find the hub, the exchange and the Arm machine, at the ports that
these have on the hub's host. So only SSH is open between hosts, and nothing listens on a network.

Pure: text out of settings and a seat map. See docs/decisions/seat-traffic.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub_config.arm_hosts.addresses import arm_port_of, arm_ports
from hub_config.fleet.seat_map import SeatMap
from hub_config.grading_hosts.places import DISPATCHER_PORT, worker_hosts, worker_port_of
from hub_config.settings import HubSettings, SeatHostSettings

LOOPBACK = "127.0.0.1"
#: Where the service that runs seats listens on each host, for root alone.
AGENT = Path("/run/workshop/seats.sock")
#: A link that hears nothing for this long ends, and is made anew.
ALIVE_SECONDS, ALIVE_COUNT = 5, 2
AGAIN_SECONDS = 1.2
#: Hostile text could add lines to a configuration; no name or address needs these.
_FORBIDDEN = frozenset(" \t\r\n\"'\\%${}")


@dataclass(frozen=True)
class Forward:
    """One way through a link: who connects to `listen` at one end is connected to `target`
    at the other. Each is HOST:PORT or the path of a Unix socket."""

    listen: str
    target: str

    @classmethod
    def port(cls, number: int) -> Forward:
        """The same loopback port at both ends."""
        return cls(f"{LOOPBACK}:{number}", f"{LOOPBACK}:{number}")


@dataclass(frozen=True)
class Link:
    """A link to one host: what it opens here, on the hub's host, and there."""

    host: SeatHostSettings
    here: tuple[Forward, ...]
    there: tuple[Forward, ...]


@dataclass(frozen=True)
class LinkFiles:
    """Where the files of all links lie: configurations and keys, and sockets."""

    folder: Path
    sockets: Path

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def config(self, host: str) -> Path:
        return self.folder / f"{host}.conf"

    def agent(self, host: str) -> Path:
        return self.sockets / f"{host}.sock"

    def control(self, host: str) -> Path:
        """How a running link is told of new forwards."""
        return self.sockets / f"{host}.control"


def link_files(settings: HubSettings) -> LinkFiles:
    """ValueError where no link is wanted."""
    if settings.links is None:
        raise ValueError("these settings have no links: all seats are on the hub's host")
    return LinkFiles(settings.links, settings.state_home / "run" / "links")


def wanted_links(settings: HubSettings, seats: SeatMap) -> tuple[Link, ...]:
    """A link to every host that is not the hub's own."""
    files = link_files(settings)
    return tuple(
        Link(
            host,
            tuple(_opened_here(settings, host, seats, files)),
            tuple(_opened_there(settings, host)),
        )
        for host in settings.seat_hosts
        if host.role != "hub"
    )


def _opened_here(
    settings: HubSettings, host: SeatHostSettings, seats: SeatMap, files: LinkFiles
) -> Iterator[Forward]:
    if host.role == "arm":
        port = arm_port_of(settings, host)
        if port is not None:
            yield Forward.port(port)
        return
    yield Forward(str(files.agent(host.name)), str(AGENT))
    if host in worker_hosts(settings):
        yield Forward.port(worker_port_of(settings, host))
    for seat in seats.on(host.name):
        yield Forward.port(seat.port)


def _opened_there(settings: HubSettings, host: SeatHostSettings) -> Iterator[Forward]:
    if host.role == "arm":
        return
    for port in seat_reach(settings):
        yield Forward.port(port)
    if host in worker_hosts(settings):  # no seat gets there
        yield Forward.port(DISPATCHER_PORT)


def seat_reach(settings: HubSettings) -> tuple[int, ...]:
    """The loopback ports that seats need, on every host: the hub, the exchange, the Arm machine."""
    ports = settings.ports
    return (ports.hub, ports.exchange, *arm_ports(settings))


def link_config(link: Link, files: LinkFiles) -> str:
    """The file for `ssh -F`. Nothing outside it is read: no agent, no other key, no password."""
    host = link.host
    kind, _, _ = host.host_key.partition(" ")
    options = {
        "HostName": host.address,
        "Port": host.port,
        "User": host.user,
        "IdentityFile": files.key,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "BatchMode": "yes",
        "HostKeyAlias": host.name,
        "HostKeyAlgorithms": _signatures(kind),
        "UserKnownHostsFile": files.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ConnectTimeout": ALIVE_SECONDS,
        "ServerAliveInterval": ALIVE_SECONDS,
        "ServerAliveCountMax": ALIVE_COUNT,
        "ExitOnForwardFailure": "yes",
        # A link that was killed leaves its socket behind.
        "StreamLocalBindUnlink": "yes",
        # `auto` takes the place of a socket that nobody serves any more; `yes` would not.
        "ControlMaster": "auto",
        "ControlPath": files.control(host.name),
        "LogLevel": "ERROR",
    }
    # The key is pinned in known_hosts; here too, so that another key is another link.
    lines = [f"# {_key(host)}", f"Host {_checked(host.name)}"]
    lines += [f"  {name} {_checked(str(value))}" for name, value in options.items()]
    lines += [f"  LocalForward {_pair(forward)}" for forward in link.here]
    lines += [f"  RemoteForward {_pair(forward)}" for forward in link.there]
    return "\n".join(lines) + "\n"


def known_hosts(links: tuple[Link, ...]) -> str:
    """One pinned key per host, under the name of its place."""
    rows = (f"{_checked(link.host.name)} {_key(link.host)}" for link in links)
    return "".join(f"{row}\n" for row in rows)


def link_command(host: str, files: LinkFiles) -> tuple[str, ...]:
    """Connect again and again. Waiting a moment after each end keeps the supervisor, which
    gives up on programs that end at once, from giving up on a host that is away for long."""
    run = f'setpriv --pdeathsig KILL ssh -N -F "$1" "$2"; sleep {AGAIN_SECONDS}'
    return ("sh", "-c", run, "link", str(files.config(host)), _checked(host))


def command_on_host(host: str, files: LinkFiles) -> tuple[str, ...]:
    """What to put before a command for root on that host. It takes a connection of its own, so
    that much data does not hold up the seats'."""
    options = ("ControlPath=none", "ControlMaster=no", "ClearAllForwardings=yes")
    chosen = (part for option in options for part in ("-o", option))
    return ("ssh", "-F", str(files.config(host)), *chosen, _checked(host))


def forward_option(forward: Forward) -> str:
    """As `ssh -L` and `ssh -R` take it."""
    return f"{_checked(forward.listen)}:{_checked(forward.target)}"


def _pair(forward: Forward) -> str:
    return f"{_checked(forward.listen)} {_checked(forward.target)}"


def _key(host: SeatHostSettings) -> str:
    kind, _, rest = host.host_key.strip().partition(" ")
    return f"{_checked(kind)} {_checked(rest.split()[0])}"


def _signatures(kind: str) -> str:
    # RFC 8332: an RSA key signs with SHA-2, never with SHA-1.
    return "rsa-sha2-512,rsa-sha2-256" if kind == "ssh-rsa" else kind


def _checked(text: str) -> str:
    if not text or _FORBIDDEN & set(text) or text.startswith("-"):
        raise ValueError(f"{text!r} can't be part of an SSH configuration")
    return text
