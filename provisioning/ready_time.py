"""How long it will take until hosts are ready: a range, and where each part of it comes from.

Hosts come up side by side, so their number hardly matters; what differs is the slowest one.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.catalogue.money import Range, total
from provisioning.fleet import WantedHost

# Uplinks of a home and of a campus, in bytes a second: 20 and 200 Mbit/s.
_UPLINK = Range(20e6 / 8, 200e6 / 8)
# Bytes of environments that nobody has packed yet: a small one without CUDA, or some with it.
_NOT_YET_PACKED = Range(0.1e9, 2e9)


@dataclass(frozen=True)
class Part:
    """One stretch of the way, in seconds, and where the figures are from."""

    what: str
    seconds: Range
    source: str


_BOOT = Part(
    "AWS starts the machines, until they answer SSH",
    Range(26, 120),
    "26 s in a public measurement (brevdev/ec2-coldboot-research); more with encrypted disks",
)
_FIRST_BOOT = Part(
    "the first boot ends, and each host gets its own host key",
    Range(10, 60),
    "typical, not measured on AWS",
)
_GPU = Part(
    "the driver and the first kernel on each GPU",
    Range(10, 90),
    "typical, not measured on AWS: the first reads of a new disk are slow",
)
_ELSEWHERE = Part(
    "another zone or type, where AWS has none of the first choice",
    Range(0, 60),
    "typical; often not needed",
)


_VERIFYING = Part(
    "environments are unpacked, and their heavy libraries imported",
    Range(10, 120),
    "typical, not measured on AWS",
)


def time_to_ready(
    to_create: tuple[WantedHost, ...], archive_bytes: int | None = None
) -> tuple[Part, ...]:
    """The parts for the hosts that will be created; none when there are none.

    `archive_bytes`: the packed environments that this computer uploads once; None if they
    aren't packed yet.
    """
    if not to_create:
        return ()
    parts = [_BOOT, _FIRST_BOOT, _ELSEWHERE]
    if any(host.role == "gpu" for host in to_create):
        parts.append(_GPU)
    if any(host.environments for host in to_create):
        parts += [_shipping(archive_bytes), _VERIFYING]
    return tuple(parts)


def seconds(parts: tuple[Part, ...]) -> Range:
    return total(part.seconds for part in parts)


def _shipping(archive_bytes: int | None) -> Part:
    size = _NOT_YET_PACKED if archive_bytes is None else Range(archive_bytes, archive_bytes)
    told = f"{size.low / 1e9:.1f}"
    told += "" if size.low == size.high else f" to {size.high / 1e9:.0f}"
    return Part(
        f"environments, {told} GB packed, go up once; then hosts pass them on to each other",
        Range(size.low / _UPLINK.high, size.high / _UPLINK.low),
        "20 to 200 Mbit/s of uplink assumed",
    )
