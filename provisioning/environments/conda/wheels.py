"""Put the wheels of a conda lock into an environment that is being built, without running it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path

from provisioning.environments.conda.lock_file import CondaLock
from provisioning.environments.conda.wheel_lock import requirements
from provisioning.environments.uv import Outcome, run_uv
from provisioning.errors import NotPossibleHere, StepFailed


def python_here(lock: CondaLock, folder: Path) -> Path:
    """A Python of the lock's version that runs on this machine: its own, or another one."""
    if lock.machine.native:
        return folder / "bin/python"
    ours = ".".join(map(str, sys.version_info[:2]))
    found = sys.executable if ours == lock.python_minor else None
    found = found or shutil.which(f"python{lock.python_minor}")
    if found is None:
        raise NotPossibleHere(
            f"{lock.name} for {lock.platform} has Python {lock.python_minor}, and building for "
            "another processor takes a Python of the same version on this machine",
            next_step=f"install python{lock.python_minor} here, or build on {lock.platform}",
        )
    return Path(found)


@dataclass(frozen=True)
class WheelInstall:
    """The wheels of `lock` go into `folder`, whose final place is `prefix`."""

    lock: CondaLock
    folder: Path
    prefix: Path
    keep_open: Sequence[int] = ()
    on_line: Callable[[str], None] = field(default=lambda line: None)

    @property
    def site_packages(self) -> Path:
        return self.folder / f"lib/python{self.lock.python_minor}/site-packages"

    def install(self, channel_files: frozenset[str]) -> Outcome:
        """How uv ended; on success scripts name the final interpreter.

        `channel_files` are the paths that conda packages own: StepFailed if a wheel wrote one.
        """
        self._refuse_foreign_sources()
        interpreter = python_here(self.lock, self.folder)
        outcome = self._run_uv(interpreter)
        if outcome.status == 0:
            (self.folder / ".lock").unlink(missing_ok=True)  # uv's own
            for distribution in self._installed():
                self._refuse_overwritten(distribution, channel_files)
                self._point_scripts(distribution, interpreter)
        return outcome

    def _refuse_foreign_sources(self) -> None:
        if self.lock.sources and not self.lock.machine.native:
            raise NotPossibleHere(
                f"{', '.join(self.lock.sources)} is published as source only, and this machine "
                f"can't compile it for {self.lock.platform}",
                next_step=f"build {self.lock.name} on a machine of that kind, or leave it out",
            )

    def _run_uv(self, interpreter: Path) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="workshop-build-") as scratch:
            choose = ["--only-binary", ":all:"]
            for package in self.lock.sources:
                choose += ["--no-binary", package]
            if self.lock.tools:
                tools = Path(scratch, "tools.txt")
                tools.write_text(requirements(self.lock.tools))
                choose += ["--build-constraints", str(tools)]
            return run_uv(
                [
                    "pip", "install", "--prefix", str(self.folder), "--python", str(interpreter),
                    "--python-platform", self.lock.machine.wheels,
                    "--python-version", self.lock.python,
                    "--require-hashes", "--no-deps", *choose,
                    # Copies: a link would share its bytes with a cache that others may own.
                    "--link-mode", "copy", "-r", "-",
                ],
                text=requirements(self.lock.wheels),
                keep_open=self.keep_open,
                on_line=self.on_line,
            )  # fmt: skip

    def _installed(self) -> Iterator[Distribution]:
        for distribution in distributions(path=[str(self.site_packages)]):
            if (distribution.read_text("INSTALLER") or "").strip() == "uv":
                yield distribution

    def _refuse_overwritten(
        self, distribution: Distribution, channel_files: frozenset[str]
    ) -> None:
        for path in self._paths(distribution):
            if path in channel_files:
                raise StepFailed(
                    f"{distribution.name} of the pip section overwrites {path}, which belongs to "
                    "a package of a channel: both would be broken",
                    next_step=f"ask for it once: in the pip section of {self.lock.name}'s file, "
                    "or from the channel",
                )

    def _paths(self, distribution: Distribution) -> Iterator[str]:
        """Relative to the prefix."""
        return (self._from_prefix(str(file)) for file in distribution.files or ())

    def _from_prefix(self, recorded: str) -> str:
        """A path of RECORD, which is relative to site-packages (../../../bin/x)."""
        return os.path.relpath(self.site_packages / recorded, self.folder)

    def _point_scripts(self, distribution: Distribution, interpreter: Path) -> None:
        """uv wrote the interpreter that it was given; RECORD gets the new hashes."""
        changed: dict[str, bytes] = {}
        for path in self._paths(distribution):
            if path.startswith("bin/") and (content := self._pointed(path, interpreter)):
                changed[path] = content
        if changed:
            self._correct_record(distribution, changed)

    def _pointed(self, path: str, interpreter: Path) -> bytes | None:
        script = self.folder / path
        content = script.read_bytes()
        # A long path is in the second line, behind #!/bin/sh.
        head, old = content[:2048], str(interpreter).encode()
        if not content.startswith(b"#!") or old not in head:
            return None
        new = head.replace(old, str(self.prefix / "bin/python").encode()) + content[2048:]
        script.write_bytes(new)
        return new

    def _correct_record(self, distribution: Distribution, changed: dict[str, bytes]) -> None:
        info = next(f for f in distribution.files or () if f.name == "RECORD")
        record = Path(str(distribution.locate_file(info)))
        rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        for row in rows:
            content = changed.get(self._from_prefix(row[0]))
            writer.writerow(
                row if content is None else [row[0], _record_hash(content), len(content)]
            )
        record.write_text(out.getvalue(), encoding="utf-8")


def _record_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"
