"""Lock a conda environment file for one platform: solve, lock its pip section, write both.

The solver is told what the platform has, so the lock of an Arm or a GPU machine is made on
any machine. What is locked already stays while it fits; delete the lock to move on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from provisioning.environments.conda.channels import Sources, channels_of
from provisioning.environments.conda.lock_file import (
    FORMAT,
    CondaLock,
    CondaPackage,
    dump_lock,
    lock_path,
    read_conda_lock,
)
from provisioning.environments.conda.platforms import Platform
from provisioning.environments.conda.progress import Progress, quiet
from provisioning.environments.conda.refusals import explain_solve
from provisioning.environments.conda.wheel_lock import LockedWheels, lock_wheels
from provisioning.environments.conda.worker_process import WorkerFailed, ask_worker
from provisioning.environments.files import EnvironmentFile
from provisioning.errors import StepFailed
from provisioning.folders import write_atomically


def lock_conda(
    file: EnvironmentFile, platform: Platform, sources: Sources, *, progress: Progress = quiet
) -> Path:
    """Write the lock of `file` for `platform` beside it, and return its path.

    The same bytes for the same packages. Raises BadInput when nothing satisfies the file;
    StepFailed when a channel or the package index can't be reached. The old lock then stays.
    """
    return _Locking(file, platform, sources, progress).lock()


@dataclass(frozen=True)
class _Locking:
    file: EnvironmentFile
    platform: Platform
    sources: Sources
    progress: Progress

    def lock(self) -> Path:
        path = lock_path(self.file, self.platform)
        previous = read_conda_lock(path).lock if path.exists() else None
        self._tell("choosing packages of its channels", 0)
        packages = self._solve(previous.packages if previous else ())
        self._tell("choosing packages of its pip section", 1)
        wheels = lock_wheels(self.file, self.platform, packages, previous)
        write_atomically(path, dump_lock(self._whole(packages, wheels)))
        self._tell("locked", 2)
        return path

    def _solve(self, previous: Sequence[CondaPackage]) -> tuple[CondaPackage, ...]:
        names = {self.sources.channels.url(name): name for name in channels_of(self.file)}
        request = {
            "do": "solve",
            "channels": list(names),
            "specs": list(self.file.specs),
            "subdir": self.platform.subdir,
            "virtual_packages": self.platform.virtual_packages,
            "preferred": [package.located(self.sources.channels) for package in previous],
            "cache": str(self.sources.cache),
        }
        try:
            found = ask_worker(request)
        except WorkerFailed as error:
            raise explain_solve(error, self.file, self.platform, self.sources.channels) from error
        packages = (self._package(facts, names) for facts in found)
        return tuple(sorted(packages, key=lambda package: package.name))

    def _package(self, facts: dict[str, Any], names: dict[str, str]) -> CondaPackage:
        channel = names[facts["channel"].rstrip("/") + "/"]
        try:
            # From JSON a list is a list: the model wants tuples.
            plain = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
            return CondaPackage.model_validate({**plain, "channel": channel})
        except ValidationError as error:
            mistake = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in mistake["loc"])
            raise StepFailed(
                f"channel {channel} offers {facts.get('fn', 'a package')}, which can't be "
                f"locked: {place}: {mistake['msg']}; nothing was changed",
                next_step="ask for another version of it, or use another channel",
            ) from None

    def _whole(self, packages: tuple[CondaPackage, ...], locked: LockedWheels) -> CondaLock:
        return CondaLock(
            format=FORMAT,
            name=self.file.name,
            platform=self.platform.name,
            cuda=self.platform.cuda,
            glibc=self.platform.glibc,
            linux=self.platform.linux,
            conda=self.file.specs,
            pip=self.file.pip,
            channels=self.file.channels,
            packages=packages,
            wheels=locked.wheels,
            sources=locked.sources,
            tools=locked.tools,
        )

    def _tell(self, what: str, done: int) -> None:
        self.progress(f"{self.file.name} for {self.platform.name}: {what}", done, 2, "")
