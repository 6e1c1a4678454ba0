"""The environments of a class on hosts of the tests: real ones, built and packed once.

The hub's is the product's own, by its own file; the course's kernel has little more than
ipykernel. Both are made for /opt/workshop/environments by the product's builder, with a Python
of the tests' channel in place of conda-forge's. `layer` is a part of a host's image that has
them, as an image of one's own may: then nothing is unpacked, and `up` finds and verifies them.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from provisioning.environments.conda.build import Built, ensure_built
from provisioning.environments.conda.channels import Sources, parse_channels
from provisioning.environments.conda.lock import lock_conda
from provisioning.environments.conda.lock_file import read_lock_of
from provisioning.environments.conda.pack import ensure_packed
from provisioning.environments.conda.platforms import Platform, platform_named
from provisioning.environments.files import read_environment_file
from provisioning.environments.shipping.on_host import tree
from tests.channel.channel import channel
from tests.cloud.machines.cached_build import built_once

PROJECT = Path(__file__).parents[3]
KERNEL = """\
name: nlp-cpu
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
      - ipykernel==7.4.0
      # What judges a submission needs it.
      - numpy==1.23.5
"""
#: Raise it when something else is made of the same text.
FORM = 1
PLATFORM = platform_named("linux-64")


@dataclass(frozen=True)
class MadeEnvironment:
    """One environment: its file with a lock beside it, built, packed and laid out as on a host."""

    name: str
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.yml"

    @property
    def layer(self) -> Path:
        return self.folder / "layer"


@dataclass(frozen=True)
class ClassEnvironments:
    """The hub's and the kernel's."""

    made: tuple[MadeEnvironment, ...]

    def file(self, name: str) -> Path:
        return next(each.file for each in self.made if each.name == name)

    @property
    def layers(self) -> tuple[Path, ...]:
        """Go over a host's system."""
        return tuple(each.layer for each in self.made)

    def lend_to(self, state: Path) -> None:
        """Let a state folder find what is built, as if it had built it itself."""
        for each in self.made:
            for kind in ("built", "archives"):
                (state / kind).mkdir(parents=True, exist_ok=True)
                for path in sorted((each.folder / kind).glob("[!.]*")):
                    (state / kind / path.name).symlink_to(path)


def mirrors() -> str:
    """The setting that leads the product to the tests' channel."""
    return f"conda-forge={channel().url}"


def class_environments() -> ClassEnvironments:
    """Built on the first call on a computer: a minute and a half."""
    hub = (PROJECT / "environments/hub.yml").read_text()
    return ClassEnvironments((_made("hub", hub), _made("nlp-cpu", KERNEL)))


def _made(name: str, text: str) -> MadeEnvironment:
    recipe = f"{text}\n{channel().folder.parent.name}\n{FORM}"
    folder = built_once(f"made-{name}", recipe, lambda folder: _build(folder, name, text))
    return MadeEnvironment(name, folder)


def _build(folder: Path, name: str, text: str) -> None:
    folder.chmod(0o755)
    sources = Sources(parse_channels([mirrors()]), folder / "cache")
    path = folder / f"{name}.yml"
    path.write_text(text)
    make_for(PLATFORM, path, sources, folder / "layer")
    shutil.rmtree(folder / "cache", ignore_errors=True)


def make_for(platform: Platform, path: Path, sources: Sources, layer: Path) -> None:
    """Lock the environment of a file for one platform, build and pack it beside the file, and lay
    it out in `layer`."""
    file = read_environment_file(path)
    lock_conda(file, platform, sources)
    built = ensure_built(read_lock_of(file, platform), path.parent / "built", sources)
    ensure_packed(built, path.parent / "archives")
    _bake(built, layer / built.prefix.relative_to("/"))


def _bake(built: Built, target: Path) -> None:
    """As a ship leaves it on a host, files and what vouches for them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Links, not copies: hosts only read what lies below their own disk.
    shutil.copytree(built.folder, target, symlinks=True, copy_function=os.link)
    (target / tree.MARKER).unlink()
    lines = b"".join(tree.listing(target))
    (target / tree.LISTING).write_bytes(lines)
    facts = {"name": built.name, "identity": built.identity, "tree_sha256": built.tree_sha256}
    (target / tree.MARKER).write_text(json.dumps(facts) + "\n")
    for path in (target, *target.parents[:3]):
        path.chmod(0o755)
