"""The host's graphics cards, and how a seat gets one of them and no other.

A seat sees the device file of its own card only; the environment names the card besides, for
libraries that count. Seats that share a card share its memory: that is cooperative.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from hub_config.seat_host.protocol import Gpu

_DRIVER = Path("/proc/driver/nvidia/gpus")
#: What every user of a card opens besides the card itself.
_SHARED_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
_ASK = "index,uuid,name,memory.total,memory.used,utilization.gpu"
_ASK_SECONDS = 10


@dataclass(frozen=True)
class Card:
    """One card as its driver describes it; `minor` is the number of its device file."""

    minor: int
    uuid: str


def cards(driver: Path = _DRIVER) -> tuple[Card, ...]:
    """In the order of their slots, which is how the spec's numbers count them."""
    found = sorted(driver.iterdir()) if driver.is_dir() else []
    return tuple(card for folder in found if (card := _card(folder / "information")))


def environment(gpu: int | None, known: tuple[Card, ...]) -> dict[str, str]:
    """What CUDA is told. A card that no driver describes is named by its number."""
    if gpu is None:
        return {"CUDA_VISIBLE_DEVICES": ""}
    name = known[gpu].uuid if gpu < len(known) else str(gpu)
    return {"CUDA_VISIBLE_DEVICES": name, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def devices(gpu: int | None, known: tuple[Card, ...], dev: Path = Path("/dev")) -> tuple[Path, ...]:
    """The device files that the seat needs."""
    if gpu is None or gpu >= len(known):
        return ()
    names = (f"nvidia{known[gpu].minor}", *_SHARED_DEVICES)
    return tuple(path for name in names if (path := dev / name).exists())


def ask_cards() -> tuple[Gpu, ...]:
    """What the driver's own program says now; none where there is no such program."""
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-gpu={_ASK}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(gpu for line in done.stdout.splitlines() if (gpu := _gpu(line)))


def _gpu(line: str) -> Gpu | None:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != 6 or not fields[0].isdigit():
        return None
    total, used, busy = (_number(field) for field in fields[3:])
    return Gpu(
        index=int(fields[0]),
        uuid=fields[1],
        name=fields[2],
        memory_bytes=None if total is None else total * 1024**2,
        memory_used_bytes=None if used is None else used * 1024**2,
        busy_percent=busy,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _card(information: Path) -> Card | None:
    try:
        lines = information.read_text().splitlines()
    except OSError:
        return None
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    minor, uuid = told.get("Device Minor", ""), told.get("GPU UUID", "")
    return Card(int(minor), uuid) if minor.isdigit() and uuid.startswith("GPU-") else None
