"""The `export` commands: a workshop for other systems."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import click

from hub_config.kubernetes.chart import CHART, read_schema
from hub_config.kubernetes.export import ExportOrder
from hub_config.kubernetes.export import export as write_export
from hub_config.people import Person
from hub_config.spec import WorkshopSpec
from provisioning.paths import StatePaths

SOURCE = Path(__file__).resolve().parents[1]


class Workshop(Protocol):
    """What these commands need of the command line's session."""

    @property
    def spec(self) -> WorkshopSpec: ...
    @property
    def people(self) -> tuple[Person, ...]: ...
    @property
    def labs(self) -> Mapping[str, str]: ...
    @property
    def paths(self) -> StatePaths: ...


@click.group()
def export() -> None:
    """Take the workshop elsewhere, when one hub is too small."""


@export.command()
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write. Default: kubernetes-NAME, here.",
)
@click.option(
    "--image",
    help="Where a registry will have the seats' image, such as registry.example.org/me/seat.",
)
@click.option(
    "--schema",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Also check against the chart's own values.schema.json.",
)
@click.pass_obj
def kubernetes(
    session: Workshop, folder: Path | None, image: str | None, schema: Path | None
) -> None:
    """Write values for the Zero to JupyterHub chart, and the build of the seats' image.

    Seats, roles, limits, environments and released labs come along. Seat codes, handing in,
    grading and the wall don't: docs/outgrow.md. Nothing of the workshop is changed.
    """
    name = session.spec.name
    order = ExportOrder(
        spec=session.spec,
        people=session.people,
        kernels=tuple(sorted(set(session.labs.values()))),
        labs=tuple(session.labs),
        paths=session.paths,
        source=SOURCE,
        image=image or f"registry.example.org/{name}-seat",
    )
    told = read_schema(schema) if schema else None
    done = write_export(order, folder or Path(f"kubernetes-{name}"), told)
    checked = str(schema) if schema else f"our own list of keys (chart {CHART})"
    click.echo(f"Wrote {done.files} files to {done.folder}; the values fit {checked}.")
    if done.unreleased:
        left = ", ".join(done.unreleased)
        click.echo(f"Not released yet, so not in the image: {left}. First: workshop release")
    if image is None:
        click.echo(f"The image will be called {done.image.name}: choose a registry with --image.")
    click.echo(f"Next: read {done.folder / 'README.md'}")
