"""The image that every seat runs: a stage for each environment, built from its lock. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from hub_config.kubernetes.values import GID, HOME, LABS, UID
from hub_config.render import PHONES_HOME, STAFF_ONLY, UNSERVED_LAB_PARTS, UNUSED_SERVER_PARTS
from provisioning.environments.kernel import kernel_description
from provisioning.environments.lock_file import LockFile

#: The Debian release whose Python the locks are made for.
BASE = "debian:12-slim"
_PREFIXES = "/opt/workshop/environments"
_JUPYTER = "/opt/workshop/jupyter"
#: Submissions go another way on a cluster, so nbgrader's menus would lead nowhere.
_NBGRADER = ("assignment-list", "validate-assignment", *STAFF_ONLY)


@dataclass(frozen=True)
class ImageParts:
    """What goes into the image. `kernels` are names; `locks` has one for each of them, and hub."""

    hub: str
    kernels: tuple[str, ...]
    locks: dict[str, LockFile]
    python: str
    #: Debian packages.
    packages: tuple[str, ...]
    #: The lines of a lock that pin uv.
    uv: str

    @property
    def environments(self) -> tuple[str, ...]:
        return (self.hub, *self.kernels)

    @property
    def tag(self) -> str:
        """Another one whenever something else would be built, but for the labs."""
        identities = [self.locks[name].identity for name in self.environments]
        text = "\n".join([dockerfile(self), self.uv, *identities])
        return sha256(text.encode()).hexdigest()[:12]


def dockerfile(parts: ImageParts) -> str:
    """The build, in order of how seldom things change."""
    stages = "\n".join(_stage(name, parts) for name in parts.environments)
    copies = "\n".join(
        f"COPY --from={name} {_prefix(name)} {_prefix(name)}" for name in parts.environments
    )
    kernels = ":".join(f"{_prefix(name)}/share/jupyter" for name in parts.kernels)
    return f"""\
# Written by `workshop export kubernetes`. Build it in this folder: docker build -t NAME:TAG .
# Every package has the version and the hash of the workshop's lock files.
FROM {BASE} AS base
RUN apt-get update \\
 && apt-get install -y --no-install-recommends {" ".join(parts.packages)} \\
 && rm -rf /var/lib/apt/lists/*

FROM base AS builder
COPY locks/uv.lock /locks/
RUN python3 -m venv /opt/uv \\
 && /opt/uv/bin/pip install --no-cache-dir --require-hashes --no-deps -r /locks/uv.lock

{stages}
FROM base
{copies}
COPY jupyter {_JUPYTER}
COPY labs {LABS}
RUN useradd --uid {UID} --gid {GID} --create-home --home-dir {HOME} jovyan
ENV PATH={_prefix(parts.hub)}/bin:$PATH \\
    JUPYTER_PATH={kernels} \\
    JUPYTER_CONFIG_PATH={_JUPYTER}
USER {UID}
WORKDIR {HOME}
CMD ["jupyterhub-singleuser"]
"""


def _stage(name: str, parts: ImageParts) -> str:
    lock, prefix = parts.locks[name], _prefix(name)
    needed = [f"locks/{name}.lock"]
    told = ["--require-hashes", "--no-deps", *lock.from_source.installing()]
    if tools := lock.from_source.lock:
        needed.append(f"locks/{tools.name}")
        told[told.index(str(tools))] = f"/locks/{tools.name}"
    lines = [
        f"FROM builder AS {name}",
        f"COPY {' '.join(needed)} /locks/",
        f"RUN python3 -m venv --without-pip {prefix} \\",
        f" && /opt/uv/bin/uv pip install --no-cache --python {prefix}/bin/python \\",
        f"    {' '.join(told)} \\",
        f"    --compile-bytecode -r /locks/{name}.lock",
    ]
    if name in parts.kernels:
        lines += [
            f"RUN rm -rf {prefix}/share/jupyter/kernels",
            f"COPY kernels/{name} {prefix}/share/jupyter/kernels/{name}",
        ]
    return "\n".join([*lines, ""])


def image_files(parts: ImageParts) -> dict[str, str]:
    """{path in the build's folder: text}, but for locks and labs, which are copied."""
    kernels = {
        f"kernels/{name}/kernel.json": _pretty(
            kernel_description(name, Path(_prefix(name)), parts.python)
        )
        for name in parts.kernels
    }
    return {
        "Dockerfile": dockerfile(parts),
        "locks/uv.lock": parts.uv,
        "jupyter/jupyter_server_config.json": _pretty(_server(parts)),
        "jupyter/labconfig/page_config.json": _pretty(_page()),
        **kernels,
    }


def pinned(lock: str, package: str) -> str:
    """The lines of a lock that pin one package."""
    found = re.search(rf"^{re.escape(package)}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{package} is in no lock")
    return found.group()


def debian_packages(text: str) -> tuple[str, ...]:
    """The names in a list such as environments/apt.txt."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _server(parts: ImageParts) -> dict[str, Any]:
    unused = (
        *UNUSED_SERVER_PARTS,
        *(
            f"nbgrader.server_extensions.{name}"
            for name in ("formgrader", "course_list", "assignment_list", "validate_assignment")
        ),
    )
    return {
        "ServerApp": {"jpserver_extensions": dict.fromkeys(unused, False)},
        "KernelSpecManager": {
            "allowed_kernelspecs": list(parts.kernels),
            "ensure_native_kernel": False,
        },
        "MultiKernelManager": {"default_kernel_name": parts.kernels[0]},
    }


def _page() -> dict[str, Any]:
    hidden = {f"@jupyter/nbgrader:{part}": True for part in _NBGRADER}
    return {"disabledExtensions": hidden | dict.fromkeys((*PHONES_HOME, *UNSERVED_LAB_PARTS), True)}


def _prefix(name: str) -> str:
    return f"{_PREFIXES}/{name}"


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
