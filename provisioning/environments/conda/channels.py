"""Where channels are: by their name at anaconda.org, or at a mirror that a person chose.

A lock names channels as the environment file does, never the mirror, so a lock that was made
against a mirror can be built from another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from provisioning.environments.files import EnvironmentFile
from provisioning.errors import BadInput, Place

PUBLIC = "https://conda.anaconda.org"
#: The environment variable that names mirrors: NAME=ADDRESS, with spaces between several.
SETTING = "WORKSHOP_CHANNEL"

CHANNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
CHANNEL_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._-]+)*/?")
_SCHEMES = ("https", "http", "file")
_SECRET = re.compile(r"(?<=://)[^/@\s]+@|(?<=/t/)[^/\s]+")


@dataclass(frozen=True)
class Channels:
    """Mirrors by the name of the channel that they stand for."""

    mirrors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def url(self, channel: str) -> str:
        """Where `channel`, a name or an address, is fetched from; ends with a slash."""
        public = channel if "://" in channel else f"{PUBLIC}/{channel}"
        return self.mirrors.get(channel, public).rstrip("/") + "/"


@dataclass(frozen=True)
class Sources:
    """Where packages come from; `cache` is a folder of ours for what was fetched."""

    channels: Channels
    cache: Path


def parse_channels(options: Iterable[str]) -> Channels:
    """Mirrors such as `conda-forge=https://mirror.example.org/conda-forge`, one each."""
    mirrors = {}
    for option in options:
        name, equals, address = option.partition("=")
        if not equals or urlsplit(address).scheme not in _SCHEMES or not name:
            raise BadInput(
                Place(Path(SETTING)),
                f"found {without_secrets(option)!r}",
                "write the channel's name, =, and its address; several with spaces between them: "
                f"{SETTING}='conda-forge=https://mirror.example.org/conda-forge'",
            )
        mirrors[name] = address
    return Channels(MappingProxyType(mirrors))


def channels_of(file: EnvironmentFile) -> tuple[str, ...]:
    """The channels that `file` names, in their order; BadInput if a lock couldn't name them."""
    named = tuple(channel for channel in file.channels if channel != "nodefaults")
    if not named:
        raise BadInput(
            Place(file.source, key="channels"),
            "names no channel, and Python itself comes from one",
            "write `channels: [conda-forge]`",
        )
    for channel in named:
        if channel == "defaults" or not is_channel(channel):
            raise BadInput(
                Place(file.source, key="channels"),
                f"found {without_secrets(channel)!r}, which isn't one channel on every machine",
                "write its name, such as conda-forge, and say where it is with "
                f"{SETTING}=conda-forge=ADDRESS",
            )
    return named


def is_channel(text: str) -> bool:
    """A channel's name or its public address: what a lock may say."""
    return bool(CHANNEL_NAME.fullmatch(text) or CHANNEL_ADDRESS.fullmatch(text))


def without_secrets(text: str) -> str:
    """`text` for people: passwords and tokens in addresses are left out."""
    return _SECRET.sub(lambda found: "***@" if found[0].endswith("@") else "***", text)
