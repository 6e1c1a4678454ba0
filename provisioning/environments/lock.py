"""Lock environments: every package at one version, with the hashes of its files.

`python -m provisioning.environments.lock` rewrites the locks of this project, and
`python -m provisioning.environments.lock FILE.yml` writes the lock of one file. Versions
already locked are kept while they still fit; delete a lock first to move to new ones.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioning.environments.files import EnvironmentFile, read_environment_file
from provisioning.environments.from_source import NOTHING, FromSource, read_from_source
from provisioning.environments.uv import explain, run_uv
from provisioning.errors import StepFailed, WorkshopError
from provisioning.folders import write_atomically

# The Python that the locks are for, and that environments are built with: a lock made
# with a newer patch release may name packages that refuse an older one.
INTERPRETER = Path("/usr/bin/python3")


@dataclass(frozen=True)
class Target:
    """The machine and Python that a lock is for, as uv names them; what it leaves out."""

    platform: str
    python: str
    left_out: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        chosen = ["--python-platform", self.platform, "--python-version", self.python]
        for package in self.left_out:
            chosen += ["--no-emit-package", package]
        return chosen


@dataclass(frozen=True)
class Wanted:
    """What a lock must satisfy."""

    requirements: tuple[str, ...]
    overrides: Path | None = None
    constraints: tuple[Path, ...] = ()
    from_source: FromSource = NOTHING
    #: For another machine than this one, or beside packages that are there already.
    target: Target | None = None


def lock(wanted: Wanted, out: Path, *, interpreter: Path = INTERPRETER) -> None:
    """Write the lock for `wanted` to `out`: the same bytes for the same packages."""
    previous = out.read_bytes() if out.exists() else None
    write_atomically(out, resolve(wanted, out, previous, interpreter=interpreter))


def resolve(
    wanted: Wanted, out: Path, previous: bytes | None, *, interpreter: Path = INTERPRETER
) -> bytes:
    """What a lock of `wanted` says. Versions of the `previous` one that still fit are kept.

    `out`, where it will be, is named in errors; it is not changed.
    """
    draft = out.with_name(f".{out.name}.draft")
    try:
        if previous is not None:
            draft.write_bytes(previous)  # uv prefers the versions it finds there
        outcome = run_uv(
            _arguments(wanted, draft, interpreter), text="\n".join(wanted.requirements) + "\n"
        )
        if outcome.disk_full:
            raise StepFailed(f"{out}: the disk is full", next_step="free some space, then repeat")
        if outcome.status != 0:
            raise explain(outcome, task=f"Locking {out.stem}", lock=out)
        content = draft.read_bytes()
    finally:
        draft.unlink(missing_ok=True)
    _refuse_addresses(content, out)
    return content


def _arguments(wanted: Wanted, draft: Path, interpreter: Path) -> list[str]:
    arguments = ["pip", "compile", "-", "--quiet", "--python", str(interpreter)]
    arguments += ["--generate-hashes", "--no-header", "--no-annotate", "-o", str(draft)]
    if wanted.overrides:
        arguments += ["--overrides", str(wanted.overrides)]
    for constraint in wanted.constraints:
        arguments += ["--constraints", str(constraint)]
    if wanted.target:
        arguments += wanted.target.arguments()
        # What has no wheel for that machine can't be installed there.
        return arguments + wanted.from_source.installing()
    return arguments + wanted.from_source.building()


def _refuse_addresses(content: bytes, out: Path) -> None:
    """A lock that names a host or a folder would only work where that can be reached."""
    for line in content.decode().splitlines():
        if "://" in line or line.startswith(("-e", "--index", "--extra-index", "--find-links")):
            raise StepFailed(
                f"{out} was not written: it would depend on an address: {line}",
                next_step="ask for packages by name and version only",
            )


def lock_environment(file: EnvironmentFile, *, interpreter: Path = INTERPRETER) -> Path:
    """Lock a conda environment file's pip section, beside the file, and what builds sources."""
    from_source = read_from_source(file.source.parent)
    if from_source.lock:  # first, for a source says what it needs only when it is run
        lock(Wanted(from_source.tools), from_source.lock, interpreter=interpreter)
    wanted = Wanted(file.pip, file.overrides, from_source=from_source)
    lock(wanted, file.lock, interpreter=interpreter)
    return file.lock


def lock_command_line(project: Path, *, interpreter: Path = INTERPRETER) -> Path:
    """Lock what the command line needs, on the versions that the hub has."""
    locks = project / "environments"
    wanted = Wanted(_command_line(_pyproject(project)), constraints=(locks / "hub.lock",))
    lock(wanted, locks / "cli.lock", interpreter=interpreter)
    return locks / "cli.lock"


def lock_development(project: Path, *, interpreter: Path = INTERPRETER) -> Path:
    """Lock what the tests need: the development tools, the hub's and the command line's."""
    locks = project / "environments"
    pyproject = _pyproject(project)
    wanted = Wanted(
        requirements=(
            *pyproject["dependency-groups"]["dev"],
            *read_environment_file(locks / "hub.yml").pip,
            *_command_line(pyproject),
        ),
        constraints=(locks / "hub.lock", locks / "cli.lock"),
    )
    lock(wanted, locks / "dev.lock", interpreter=interpreter)
    return locks / "dev.lock"


def lock_project(project: Path, *, interpreter: Path = INTERPRETER) -> Iterable[Path]:
    """Rewrite all locks of the project; the environments first, for the rest follow them."""
    for path in sorted((project / "environments").glob("*.yml")):
        yield lock_environment(read_environment_file(path), interpreter=interpreter)
    yield lock_command_line(project, interpreter=interpreter)
    yield lock_development(project, interpreter=interpreter)


def _command_line(pyproject: dict[str, dict[str, list[str]]]) -> tuple[str, ...]:
    """What it runs on, and what installs it."""
    return (*pyproject["project"]["dependencies"], *pyproject["dependency-groups"]["build"])


def _pyproject(project: Path) -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


def main(arguments: Sequence[str]) -> int:
    """The entry that `make lock` calls."""
    try:
        if arguments:
            written = [lock_environment(read_environment_file(Path(a))) for a in arguments]
        else:
            written = list(lock_project(Path.cwd()))
    except WorkshopError as error:
        sys.stderr.write(f"{error.message}\n{error.next_step}\n")
        return 2
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
