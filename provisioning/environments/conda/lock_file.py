"""A conda lock: every package of one environment for one platform, with its sha256.

One JSON file per platform, beside the environment file (NAME.linux-64-cuda.lock). It names
channels, never folders or mirrors, and it is checked in full before anything of it is used.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from provisioning.environments.conda.channels import Channels, is_channel
from provisioning.environments.conda.platforms import Platform, platform_named
from provisioning.environments.files import EnvironmentFile, requirement_name
from provisioning.errors import BadInput, Place
from provisioning.spec_types import SpecModel, spec_mistake
from provisioning.text_file import read_text

MOST_BYTES = 16 * 1024 * 1024
FORMAT: Literal[1] = 1

_Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
_Words = tuple[Annotated[str, Field(pattern=r"\A[^\x00-\x1f\x7f]{1,500}\z")], ...]


class CondaPackage(SpecModel):
    """A package of a channel: what rattler needs so that it can install it unseen."""

    name: Annotated[str, Field(pattern=r"\A[a-z0-9_][a-z0-9_.-]*\z", max_length=200)]
    version: Annotated[str, Field(pattern=r"\A[0-9a-zA-Z!.+_]+\z", max_length=200)]
    build: Annotated[str, Field(pattern=r"\A[0-9a-zA-Z.+_]+\z", max_length=200)]
    build_number: Annotated[int, Field(ge=0, lt=2**31)]
    channel: Annotated[str, Field(max_length=500)]
    subdir: Literal["linux-64", "linux-aarch64", "noarch"]
    fn: Annotated[str, Field(pattern=r"\A[0-9a-zA-Z!.+_-]+\.(conda|tar\.bz2)\z", max_length=700)]
    sha256: _Sha256
    md5: Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")] | None = None
    size: Annotated[int, Field(ge=0, lt=2**48)] | None = None
    depends: _Words = ()
    constrains: _Words = ()
    noarch: Literal["generic", "python"] | None = None
    python_site_packages_path: (
        Annotated[str, Field(pattern=r"\Alib/python3\.\d+t?/site-packages\z")] | None
    ) = None

    @model_validator(mode="after")
    def _names_itself(self) -> CondaPackage:
        if not is_channel(self.channel):
            raise spec_mistake(f"found the channel {self.channel!r}", "lock again", key="channel")
        if not self.fn.startswith(f"{self.name}-{self.version}-{self.build}."):
            raise spec_mistake(f"found {self.fn!r} for {self.name}", "lock again", key="fn")
        return self

    @property
    def for_python(self) -> bool:
        """Whether it is a Python distribution, which pip must not install once more."""
        return self.name != "python" and any(word.split()[0] == "python" for word in self.depends)

    def located(self, channels: Channels) -> dict[str, object]:
        """Its facts for the worker, with the address to fetch it from."""
        channel = channels.url(self.channel)
        facts = self.model_dump(mode="json", exclude_none=True)
        return {**facts, "channel": channel, "url": f"{channel}{self.subdir}/{self.fn}"}


class Wheel(SpecModel):
    """A package of the pip section, or one that it needs; any file of these hashes will do."""

    name: Annotated[str, Field(pattern=r"\A[a-z0-9]+(-[a-z0-9]+)*\z", max_length=200)]
    version: Annotated[str, Field(pattern=r"\A[0-9a-zA-Z!.+_-]+\z", max_length=200)]
    marker: Annotated[str, Field(pattern=r"\A[A-Za-z0-9_.<>=!'\"() -]*\z", max_length=500)] = ""
    sha256: Annotated[tuple[_Sha256, ...], Field(min_length=1)]

    @property
    def requirement(self) -> str:
        """As a line for uv."""
        marker = f" ; {self.marker}" if self.marker else ""
        hashes = " ".join(f"--hash=sha256:{value}" for value in self.sha256)
        return f"{self.name}=={self.version}{marker} {hashes}"


class CondaLock(SpecModel):
    """The whole lock; `conda` and `pip` are what the environment file asked for."""

    format: Literal[1]
    name: Annotated[str, Field(pattern=r"\A[a-z][a-z0-9-]{0,39}\z")]
    platform: Annotated[str, Field(pattern=r"\Alinux-(64|aarch64)(-cuda)?\z")]
    cuda: Annotated[str, Field(pattern=r"\A\d{1,3}\.\d{1,3}\z")] | None = None
    glibc: Annotated[str, Field(pattern=r"\A\d{1,3}\.\d{1,3}\z")]
    linux: Annotated[str, Field(pattern=r"\A\d{1,3}\.\d{1,3}\z")]
    conda: _Words
    pip: _Words
    channels: _Words
    packages: tuple[CondaPackage, ...]
    wheels: tuple[Wheel, ...] = ()
    #: Packages published as source only, and the tools that build them.
    sources: _Words = ()
    tools: tuple[Wheel, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> CondaLock:
        names = [package.name for package in self.packages]
        if twice := {name for name in names if names.count(name) > 1}:
            raise spec_mistake(f"found {min(twice)} twice", "lock again", key="packages")
        if "python" not in names:
            raise spec_mistake("found no Python", "lock again", key="packages")
        for package in self.packages:
            if package.subdir not in (self.machine.subdir, "noarch"):
                found = f"found {package.fn} of {package.subdir}"
                raise spec_mistake(found, "lock again", key="packages")
        if (self.cuda is None) == self.platform.endswith("-cuda"):
            raise spec_mistake(f"found cuda {self.cuda}", "lock again", key="cuda")
        return self

    @property
    def machine(self) -> Platform:
        plain = platform_named(self.platform)
        return Platform(plain.subdir, self.cuda, self.glibc, self.linux)

    @property
    def python(self) -> str:
        """The version of its Python, such as 3.11.9."""
        return next(package.version for package in self.packages if package.name == "python")

    @property
    def python_minor(self) -> str:
        return ".".join(self.python.split(".")[:2])

    @property
    def asked(self) -> tuple[str, ...]:
        """The packages that the environment file names itself."""
        return tuple(requirement_name(line) for line in (*self.conda, *self.pip))


@dataclass(frozen=True)
class ReadLock:
    """A lock and the hash of the text that it was read from."""

    lock: CondaLock
    path: Path
    sha256: str


def lock_path(file: EnvironmentFile, platform: Platform) -> Path:
    """Where the lock of `file` for `platform` is: beside the file."""
    return file.source.with_suffix(f".{platform.name}.lock")


def dump_lock(lock: CondaLock) -> bytes:
    """The lock as its file: the same bytes for the same packages."""
    facts = lock.model_dump(mode="json", exclude_defaults=True)
    return (json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read_conda_lock(path: Path) -> ReadLock:
    """The lock in `path`; BadInput says what is wrong with it."""
    text = read_text(path, most_bytes=MOST_BYTES)
    try:
        lock = CondaLock.model_validate_json(text)
    except ValidationError as error:
        mistake = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in mistake["loc"])
        raise BadInput(Place(path, key=key or None), mistake["msg"], _AGAIN) from None
    return ReadLock(lock, path, hashlib.sha256(text.encode()).hexdigest())


def read_lock_of(file: EnvironmentFile, platform: Platform) -> ReadLock:
    """The lock of `file` for `platform`; BadInput if it is missing or older than the file."""
    path = lock_path(file, platform)
    again = f"workshop env lock {file.name} --platform {platform.name}"
    if not path.exists():
        raise BadInput(Place(path), f"{file.source} isn't locked for {platform.name}", again)
    found = read_conda_lock(path)
    locked, asked = found.lock, (file.name, file.specs, file.pip, file.channels)
    if (locked.name, locked.conda, locked.pip, locked.channels) != asked:
        raise BadInput(Place(path), f"was made for another version of {file.source}", again)
    return found


_AGAIN = "don't edit a lock: delete it, and lock the environment file again (`workshop env lock`)"
