"""Around rattler: what it doesn't check before, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from provisioning.environments.conda.channels import Channels
from provisioning.environments.conda.lock_file import CondaLock
from provisioning.environments.conda.refusals import wrong_content
from provisioning.errors import StepFailed

#: Of this machine: where its cache is, and what was linked from there.
_TRACES = ("extracted_package_dir", "package_tarball_full_path", "link", "requested_spec")


def refuse_other_content(lock: CondaLock, channels: Channels) -> None:
    """Compare packages of a channel that is a folder with the lock; StepFailed if one differs.

    rattler 0.28 compares what it downloads, and takes what it finds in a folder unseen.
    """
    for package in lock.packages:
        address = urlsplit(str(package.located(channels)["url"]))
        path = Path(url2pathname(address.path))
        if address.scheme == "file" and path.exists():
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != package.sha256:
                raise wrong_content(lock, f"{path} has {found}, the lock {package.sha256}")


def settle_records(folder: Path, lock: CondaLock) -> frozenset[str]:
    """Check that all packages are there, rewrite their records; the paths that they own.

    The records (conda-meta) are what `conda list` reads. They keep the public address of each
    package, not the mirror's, and nothing of this machine, so a tree is the same everywhere.
    """
    files: set[str] = set()
    found: set[str] = set()
    for path in sorted((folder / "conda-meta").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found.add(str(record.get("sha256")))
        files.update(str(name) for name in record.get("files", ()))
        path.write_text(json.dumps(_settled(record, lock), indent=1, sort_keys=True) + "\n")
    missing = [package.fn for package in lock.packages if package.sha256 not in found]
    if missing:
        raise StepFailed(
            f"{lock.name}: {', '.join(missing)} was not installed; nothing was left",
            next_step="run the same command again",
        )
    return frozenset(files)


def _settled(record: dict[str, Any], lock: CondaLock) -> dict[str, Any]:
    channel = {package.sha256: package.channel for package in lock.packages}[record["sha256"]]
    public = Channels().url(channel)
    kept = {key: value for key, value in record.items() if key not in _TRACES}
    return {**kept, "channel": public, "url": f"{public}{record['subdir']}/{record['fn']}"}
