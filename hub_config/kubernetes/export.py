"""Write a workshop for Kubernetes: values, the image's build, and what to type."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hub_config.install import ensure_files
from hub_config.kubernetes.chart import CHART, mistakes, own_schema
from hub_config.kubernetes.image import (
    ImageParts,
    debian_packages,
    image_files,
    pinned,
)
from hub_config.kubernetes.values import Image, chart_values
from hub_config.people import Person
from hub_config.render import RenderedFile
from hub_config.spec import WorkshopSpec
from provisioning.environments.files import read_environment_file
from provisioning.environments.lock_file import read_lock_file
from provisioning.errors import AlreadyTaken, NotPossibleHere, StepFailed
from provisioning.paths import StatePaths

#: By it we know a folder of ours again, whose files may be replaced.
_OURS = "values.yaml"


@dataclass(frozen=True)
class ExportOrder:
    """What is exported. `source` is where this project lies."""

    spec: WorkshopSpec
    people: tuple[Person, ...]
    kernels: tuple[str, ...]
    labs: tuple[str, ...]
    paths: StatePaths
    source: Path
    #: Where a registry will have the image, without the tag.
    image: str


@dataclass(frozen=True)
class Exported:
    """What was written. `released` and `unreleased` are labs."""

    folder: Path
    image: Image
    files: int
    released: tuple[str, ...]
    unreleased: tuple[str, ...]


def export(order: ExportOrder, folder: Path, schema: dict[str, Any] | None) -> Exported:
    """Write the folder anew. Its values are checked first, also by the chart's schema if given.

    AlreadyTaken for a folder with something else in it, StepFailed when the values are wrong.
    """
    _refuse_others_folder(folder)
    parts = _parts(order)
    image = Image(order.image, parts.tag)
    values = chart_values(order.spec, order.people, image)
    _refuse_mistakes(values, own_schema(), "the keys that we know")
    if schema is not None:
        _refuse_mistakes(values, schema, "the chart's schema")
    build = folder / "image"
    shutil.rmtree(build, ignore_errors=True)
    texts = {
        folder / _OURS: _values_text(order, values),
        folder / "README.md": _readme(order, image),
        **{build / path: text for path, text in image_files(parts).items()},
    }
    ensure_files({path: RenderedFile(text) for path, text in texts.items()})
    copied = _copy_locks(parts, build / "locks")
    released = _copy_labs(order, build / "labs")
    unreleased = tuple(lab for lab in order.labs if lab not in released)
    return Exported(folder, image, len(texts) + copied, released, unreleased)


def _refuse_others_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / _OURS).is_file():
        raise AlreadyTaken(
            f"{folder} has files that no export wrote; nothing was changed",
            next_step="name an empty folder: workshop export kubernetes -o FOLDER",
        )


def _refuse_mistakes(values: dict[str, Any], schema: dict[str, Any], what: str) -> None:
    if found := mistakes(values, schema):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise StepFailed(
            f"The values don't fit {what}: {found[0]}{more}; nothing was written",
            next_step=f"use version {CHART} of the chart, or report this",
        )


def _parts(order: ExportOrder) -> ImageParts:
    locks = {}
    python = ""
    for name in ("hub", *order.kernels):
        own = order.spec.environments.get(name)
        path = own or order.source / "environments" / f"{name}.yml"
        file = read_environment_file(path)
        if not file.pip_only:
            raise NotPossibleHere(
                f"{path} asks for packages of conda channels, and the image has none",
                next_step="export a workshop whose environments are a pip section only, "
                "and add the others to image/Dockerfile by hand",
            )
        locks[name] = read_lock_file(file, path.with_suffix(".lock"))
        python = file.python
    environments = order.source / "environments"
    return ImageParts(
        hub="hub",
        kernels=order.kernels,
        locks=locks,
        python=python,
        packages=debian_packages((environments / "apt.txt").read_text()),
        uv=pinned((environments / "cli.lock").read_text(), "uv"),
    )


def _copy_locks(parts: ImageParts, target: Path) -> int:
    tools = {lock.from_source.lock for lock in parts.locks.values()} - {None}
    wanted = {f"{name}.lock": lock.path for name, lock in parts.locks.items()}
    wanted |= {path.name: path for path in tools if path is not None}
    for name, path in wanted.items():
        shutil.copyfile(path, target / name)
    return len(wanted)


def _copy_labs(order: ExportOrder, target: Path) -> tuple[str, ...]:
    """The released labs, as attendees get them: without solutions and hidden tests."""
    target.mkdir(parents=True)
    released = order.paths.course / "release"
    there = tuple(lab for lab in order.labs if (released / lab).is_dir())
    for lab in there:
        shutil.copytree(released / lab, target / lab)
    return there


def _values_text(order: ExportOrder, values: dict[str, Any]) -> str:
    head = f"""\
# Values of the Zero to JupyterHub chart (version {CHART}) for the workshop {order.spec.name}.
# Written by `workshop export kubernetes`; the next export writes it again, so keep changes of
# your own in a second file, named after this one: helm upgrade ... -f values.yaml -f mine.yaml
# What a cluster doesn't do: docs/outgrow.md.
"""
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=96)


def _readme(order: ExportOrder, image: Image) -> str:
    name = order.spec.name
    certificate = (
        f"    kubectl -n {name} create secret tls {name}-tls --cert=CERTIFICATE --key=KEY\n"
        if order.spec.hub.tls
        else ""
    )
    return f"""\
# {name} on Kubernetes

Written by `workshop export kubernetes`. Build the image, push it where your cluster can fetch
it, and give the values to Helm:

    docker build -t {image.name}:{image.tag} image
    docker push {image.name}:{image.tag}
    kubectl create namespace {name}
{certificate}\
    helm upgrade --install {name} jupyterhub --repo https://hub.jupyter.org/helm-chart \\
        --version {CHART} --namespace {name} --values values.yaml

People choose a password when they first log in, unless workshop.yaml names another login. Let
nobody reach the address before everybody has done so, or choose a login that knows people.

Not here: seat codes, handing in, grading, the wall, backups of homes. docs/outgrow.md says what
to use instead.
"""
