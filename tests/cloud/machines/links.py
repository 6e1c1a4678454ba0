"""Narrow links. The kernels that these tests meet have no `netem`, so no delay can be added."""

from __future__ import annotations

from tests.cloud.machines.commands import run


def narrow(interface: str, mbit: int, *, inside_of: int | None = None) -> None:
    """Limit what leaves by an interface of this machine, or of the network of a process."""
    shape = ("tbf", "rate", f"{mbit}mbit", "burst", "256kb", "latency", "100ms")
    _tc(inside_of, "replace", "dev", interface, "root", *shape)


def widen(interface: str, *, inside_of: int | None = None) -> None:
    """End `narrow`."""
    _tc(inside_of, "delete", "dev", interface, "root")


def _tc(inside_of: int | None, *arguments: str) -> None:
    enter = () if inside_of is None else ("nsenter", f"--target={inside_of}", "--net")
    run(*enter, "tc", "qdisc", *arguments)
