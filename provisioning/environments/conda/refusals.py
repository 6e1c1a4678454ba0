"""What rattler refuses, said so that the person knows which line of the file to change."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provisioning.environments.conda.channels import (
    SETTING,
    Channels,
    channels_of,
    without_secrets,
)
from provisioning.environments.conda.lock_file import CondaLock
from provisioning.environments.conda.platforms import Platform
from provisioning.environments.conda.worker_process import WorkerFailed
from provisioning.environments.files import EnvironmentFile, requirement_name
from provisioning.errors import BadInput, Place, StepFailed, WorkshopError
from provisioning.text_file import read_text
from provisioning.yaml_document import dotted, parse_yaml

_ABSENT = re.compile(r"No candidates were found for (\S+)")
_WRONG_HASH = re.compile(r"hash mismatch|did not match|checksum|corrupt", re.IGNORECASE)
_UNREACHABLE = re.compile(r"error sending request|No such file or directory|status client error")
_ASKED = re.compile(r"^[├└]─ (\S+)", re.MULTILINE)


def explain_solve(
    error: WorkerFailed, file: EnvironmentFile, platform: Platform, channels: Channels
) -> WorkshopError:
    """The error of a solve that failed; nothing was written."""
    match error.kind:
        case "unsatisfiable":
            return _unsatisfiable(error.said, file, platform)
        case "bad spec":
            spec = error.said.partition(":")[0]
            place = place_of_dependency(file, requirement_name(spec))
            found = f"can't be read: {error.said}"
            return BadInput(place, found, "write a package and its version, such as numpy=1.26")
        case "channel":
            return unreachable(error, str(file.source), channels_of(file), channels)
        case _:
            return failed(error, f"locking {file.source}")


def _unsatisfiable(said: str, file: EnvironmentFile, platform: Platform) -> BadInput:
    tree = said.removeprefix("Cannot solve the request because of:").strip()
    if match := _ABSENT.search(said):
        name = match[1]
        found = (
            f"{tree.removesuffix('.').replace('No candidates were found for', 'found no')} "
            f"for {platform.name} in {', '.join(channels_of(file))}"
        )
        write = f"change that line, or move {name} to the pip section if it is on PyPI"
    else:
        asked = _ASKED.findall(said)
        name = next((word for word in asked if place_of_dependency(file, word).line), "")
        found = f"no set of packages satisfies it on {platform.name}:\n{_indented(tree)}"
        write = f"change or remove one of {', '.join(asked) or 'the lines named above'}, then lock"
    if "__cuda" in said and platform.cuda is None:
        write = f"lock it for a machine with a GPU: --platform {platform.name}-cuda"
    return BadInput(place_of_dependency(file, name), found, write)


def explain_install(error: WorkerFailed, lock: CondaLock, channels: Channels) -> WorkshopError:
    """The error of packages that could not be fetched, checked or linked."""
    if _WRONG_HASH.search(error.said):
        return wrong_content(lock, f"rattler said:\n{_indented(error.said)}")
    if _UNREACHABLE.search(error.said):
        named = tuple(dict.fromkeys(package.channel for package in lock.packages))
        return unreachable(error, lock.name, named, channels)
    return failed(error, f"building {lock.name}")


def wrong_content(lock: CondaLock, which: str) -> StepFailed:
    """A package isn't the one that was locked."""
    return StepFailed(
        f"building {lock.name}: a package's content differs from the hash in its lock, so it was "
        f"refused; nothing was left. {which}",
        next_step="don't install it: ask who keeps that channel or mirror, or lock again",
    )


def unreachable(
    error: WorkerFailed, whose: str, named: Sequence[str], channels: Channels
) -> StepFailed:
    """No channel, no packages: which address was tried, and how to name another one."""
    tried = {name: channels.url(name) for name in named}
    # rattler names the address that failed; with several channels that tells which.
    name = next((name for name, url in tried.items() if url in error.said), min(tried))
    cause = error.said.splitlines()[-1].removeprefix("Caused by: ")
    return StepFailed(
        f"channel {name} of {whose} can't be reached at "
        f"{without_secrets(tried[name])}: {cause}. Nothing was changed",
        next_step="check the network and any proxy setting, or name a mirror that this "
        f"machine reaches: export {SETTING}={name}=https://MIRROR/{name}",
    )


def failed(error: WorkerFailed, task: str) -> StepFailed:
    """Anything else, in rattler's words."""
    if error.disk_full:
        return StepFailed(f"{task}: the disk is full", next_step="free some space, then repeat")
    return StepFailed(
        f"{task} failed, and nothing was changed. rattler said:\n{_indented(error.said)}",
        next_step="correct what it names, then run the same command again",
    )


def place_of_dependency(file: EnvironmentFile, name: str) -> Place:
    """The line of `file` that asks a channel for `name`, or the whole list."""
    document = parse_yaml(file.source, read_text(file.source, most_bytes=64 * 1024))
    for number, item in enumerate(document.data["dependencies"]):
        at = ("dependencies", number)
        if isinstance(item, str) and name and requirement_name(item) == requirement_name(name):
            return Place(file.source, document.line(at), dotted(at))
    return Place(file.source, None, "dependencies")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
