"""The environment `deploy` of a class with an Arm host, from one file: for seats on x86_64, and
for Arm, both built by the product's builder.

All of its programs for Arm are programs for Arm. But where no kernel starts those, its Python is
a launcher that runs Python under an emulator (see arm_image), and so the Python of its channel is.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

from provisioning.environments.conda.channels import Sources, parse_channels
from provisioning.environments.conda.platforms import platform_named
from tests.channel.channel import channel
from tests.channel.cpython import cpython
from tests.channel.package import Entry, Package, write_repodata
from tests.channel.wheels import download, from_wheel
from tests.cloud.machines.arm_image import launcher
from tests.cloud.machines.cached_build import built_once
from tests.e2e.fleet.class_environments import PLATFORM, MadeEnvironment, make_for, mirrors

NAME = "deploy"
#: The product's own has MXNet and ONNX, too, which these seats don't need.
FILE = """\
name: deploy
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
      - apache-tvm==0.27.0.post1
      - ipykernel==7.4.0
      - numpy==1.23.5
"""
ARM = platform_named("linux-aarch64")
#: Raise it when something else is made of the same text.
FORM = 1
_PYTHON = "bin/python3.11"
_REAL_PYTHON = "python3.11.aarch64"


@dataclass(frozen=True)
class TwoPlatforms(MadeEnvironment):
    """`layer` is for hosts with seats, `arm_layer` for Arm hosts."""

    @property
    def arm_layer(self) -> Path:
        return self.folder / "arm-layer"


def deploy_environment() -> TwoPlatforms:
    """Built on the first call on a computer: two minutes."""
    recipe = f"{FILE}\n{channel().folder.parent.name}\n{launcher(_REAL_PYTHON)}\n{FORM}"
    return TwoPlatforms(NAME, built_once(f"made-{NAME}", recipe, _build))


def _build(folder: Path) -> None:
    folder.chmod(0o755)
    path = folder / f"{NAME}.yml"
    path.write_text(FILE)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        write_repodata(scratch / "channel", _packages(scratch))
        arm = f"conda-forge={(scratch / 'channel').as_uri()}"
        for platform, mirror, layer in ((PLATFORM, mirrors(), "layer"), (ARM, arm, "arm-layer")):
            sources = Sources(parse_channels([mirror]), scratch / platform.name)
            make_for(platform, path, sources, folder / layer)


def _packages(scratch: Path) -> list[Package]:
    """A channel for Arm: a Python that starts itself under the emulator, and pip."""
    python, _ = cpython(ARM.subdir, scratch)
    files = {
        **python.files,
        f"bin/{_REAL_PYTHON}": python.files[_PYTHON],
        _PYTHON: Entry(launcher(_REAL_PYTHON).encode(), executable=True),
    }
    (pip,) = download(("pip==25.3",), scratch / "pip", platform="any")
    return [dataclasses.replace(python, files=files), from_wheel(pip, "noarch")]
