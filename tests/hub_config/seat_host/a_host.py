"""The settings of a host for tests that start no seat there."""

from __future__ import annotations

from pathlib import Path

from hub_config.seat_host.settings import HostSettings


def settings_in(folder: Path, library: Path | None = None) -> HostSettings:
    """Without kernels, and with nothing that seats may read."""
    return HostSettings(
        workshop="demo",
        socket=folder / "s",
        run=folder / "r",
        homes=folder / "h",
        hub_prefix=folder,
        library=library or folder,
        read_only=(),
        kernels=(),
    )
