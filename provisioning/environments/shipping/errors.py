"""What can go wrong when an environment is brought to a host, as families."""

from __future__ import annotations

from typing import Any

from provisioning.environments.verify import APT_PACKAGES, install_command, libraries_named
from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError


class DamagedArchive(StepFailed):
    """The archive isn't what its manifest says."""


class HostDiskFull(NotPossibleHere):
    """The archive and its files don't fit on the host's disk."""


class WrongArchitecture(NotPossibleHere):
    """The environment is for another kind of processor."""


class ShipUnderWay(StepFailed):
    """Somebody else is shipping the same version to this host."""


class HostUnfit(NotPossibleHere):
    """The host lacks something of the system: Python, a library."""


class ImportsFail(NotPossibleHere):
    """What the environment is for can't be imported on this host; it isn't used there."""


class Drifted(StepFailed):
    """The files on the host are not the ones that were packed."""


class NotThere(StepFailed):
    """The host has no whole copy of this version."""


_FAMILIES: dict[str, type[WorkshopError]] = {
    "damaged-archive": DamagedArchive,
    "disk-full": HostDiskFull,
    "wrong-architecture": WrongArchitecture,
    "busy": ShipUnderWay,
    "no-zstd": HostUnfit,
    "in-the-way": StepFailed,
}


def refusal(host: str, said: dict[str, Any]) -> WorkshopError:
    """What a host refused, in our families; `said` is its message (see on_host/voice.py)."""
    facts = said.get("facts", {})
    if said["kind"] == "imports":
        return imports_fail(host, said["message"], facts["failures"], facts["missing"])
    family = _FAMILIES.get(said["kind"], StepFailed)
    return family(f"{host}: {said['message']}", next_step=said["next_step"])


def imports_fail(
    host: str, message: str, failures: list[dict[str, str]], missing: list[str]
) -> ImportsFail:
    """Names the Debian packages of the libraries that `host` lacks."""
    named = {library for each in failures for library in libraries_named(each["error"])}
    # The loader names one library at a time; of the others, those that we know a package for.
    libraries = named | (set(missing) & APT_PACKAGES.keys() if named else set())
    step = f"on {host}: {install_command(libraries)}; then repeat the command" if named else ""
    fallback = "see what the module needs of the host, then repeat the command"
    return ImportsFail(f"{host}: {message}", next_step=step or fallback)
