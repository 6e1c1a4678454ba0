"""What a seat host's service is told. Holds no secret: tokens come with each order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the service itself needs none of what that module imports
    from hub_config.settings import HubSettings

#: What a kernel imports before it is forked, where the environment has it.
HEAVY_MODULES = ("numpy", "mxnet", "gluonnlp", "matplotlib.pyplot", "tvm")


@dataclass(frozen=True)
class WarmKernel:
    """One environment that kernels are forked from."""

    name: str
    prefix: Path
    modules: tuple[str, ...] = HEAVY_MODULES

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"


@dataclass(frozen=True)
class HostSettings:
    """`socket` is where the hub asks, `run` where the service keeps what it knows, `homes` the
    folder of the seats' homes.

    `reach` are the loopback ports that a seat may open; None leaves the network as it is.
    Without `warm` every server and kernel is started plainly.
    """

    workshop: str
    socket: Path
    run: Path
    homes: Path
    hub_prefix: Path
    library: Path
    read_only: tuple[Path, ...]
    kernels: tuple[WarmKernel, ...]
    reach: tuple[int, ...] | None = None
    warm: bool = True

    @property
    def hub_python(self) -> Path:
        return self.hub_prefix / "bin" / "python"

    def text(self) -> str:
        """The file that `service --settings` reads."""
        return json.dumps(_plain(self), indent=2, sort_keys=True) + "\n"


def host_settings(
    settings: HubSettings, socket: Path, reach: tuple[int, ...] | None = None
) -> HostSettings:
    """The same on every host of a workshop: paths are."""
    seat = settings.seat
    prefixes = [folder.parent.parent for folder in seat.jupyter_path]
    return HostSettings(
        workshop=settings.workshop,
        socket=socket,
        run=settings.state_home / "run" / "seats",
        homes=settings.homes,
        hub_prefix=settings.hub_python.parent.parent,
        library=settings.library,
        read_only=(*seat.environments, settings.library, seat.config),
        kernels=tuple(
            WarmKernel(name, prefix) for name, prefix in zip(seat.kernels, prefixes, strict=True)
        ),
        reach=reach,
    )


def read_settings(file: Path) -> HostSettings:
    """Raises: OSError, ValueError or KeyError for a file that `text` didn't write."""
    told = json.loads(file.read_text())
    reach = told["reach"]
    return HostSettings(
        workshop=told["workshop"],
        socket=Path(told["socket"]),
        run=Path(told["run"]),
        homes=Path(told["homes"]),
        hub_prefix=Path(told["hub_prefix"]),
        library=Path(told["library"]),
        read_only=tuple(Path(path) for path in told["read_only"]),
        kernels=tuple(
            WarmKernel(each["name"], Path(each["prefix"]), tuple(each["modules"]))
            for each in told["kernels"]
        ),
        reach=None if reach is None else tuple(reach),
        warm=told["warm"],
    )


def _plain(value: Any) -> Any:
    match value:
        case HostSettings() | WarmKernel():
            return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
        case tuple():
            return [_plain(part) for part in value]
        case Path():
            return str(value)
    return value
