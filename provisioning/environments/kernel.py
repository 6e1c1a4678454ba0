"""Describe an environment's kernel to Jupyter."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path


def kernel_description(name: str, prefix: Path, python: str) -> Mapping[str, object]:
    """What `kernel.json` says. The path is absolute: each seat has a PATH of its own."""
    command = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return {
        "argv": [str(prefix / "bin/python"), *command],
        "display_name": f"{name} (Python {python})",
        "language": "python",
        # Its debugger would listen on loopback, which all seats share, and ask nobody's name.
        "metadata": {"debugger": False},
    }


def offer_kernel(name: str, prefix: Path, python: str, *, folder: Path | None = None) -> None:
    """Make `name` the one kernel that this environment offers.

    `folder` is where its files are now, if that isn't `prefix`, where they will be.
    """
    kernels = (folder or prefix) / "share/jupyter/kernels"
    # ipykernel brings a kernel called python3 that runs whatever `python` is on the PATH.
    shutil.rmtree(kernels / "python3", ignore_errors=True)
    (kernels / name).mkdir(parents=True, exist_ok=True)
    text = json.dumps(kernel_description(name, prefix, python), indent=1)
    (kernels / name / "kernel.json").write_text(text, encoding="utf-8")
