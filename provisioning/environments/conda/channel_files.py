"""What rattler left in an environment: which files are whose, and the traces of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from provisioning.environments.conda.channels import Channels
from provisioning.environments.conda.lock_file import CondaLock
from provisioning.errors import StepFailed

#: Of this machine: where its cache is, and what was linked from there.
_TRACES = ("extracted_package_dir", "package_tarball_full_path", "link", "requested_spec")


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
