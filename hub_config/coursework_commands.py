"""The `course` commands: what authors of labs need. No workshop has to be up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import click
from rich.console import Console

from hub_config.new_lab import write_lab
from hub_config.proving import LabByLab, ProvingDesk
from hub_config.spec import WorkshopSpec
from provisioning.errors import StepFailed
from provisioning.progress_view import ProgressView

#: The parts of a proof, by the grader's names.
STAGES = ("wrong-answers", "disorder", "odd-answers", "mutants", "notebook", "margins")
SOURCE = Path(__file__).resolve().parents[1]


class Study(Protocol):
    """What these commands need of the command line's session."""

    @property
    def console(self) -> Console: ...
    @property
    def state_root(self) -> Path: ...
    @property
    def spec_file(self) -> Path: ...
    @property
    def spec(self) -> WorkshopSpec: ...


@dataclass(frozen=True)
class Author:
    """Whose course it is, and where to print."""

    desk: ProvingDesk
    console: Console


@click.group()
@click.option(
    "--course",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of course.yaml. Default: the workshop's, else the one that comes along.",
)
@click.pass_context
def course(ctx: click.Context, folder: Path | None) -> None:
    """Write labs: begin one, look at it, prove that its points can be trusted.

    These commands need no workshop that is up. The first one builds the environments that
    the labs run in, which takes minutes; then they are kept.
    """
    study: Study = ctx.obj
    if folder is None:
        folder = study.spec.course if study.spec_file.exists() else SOURCE / "coursework" / "nlp"
    ctx.obj = Author(ProvingDesk(folder.resolve(), SOURCE, study.state_root), study.console)


@course.command()
@click.argument("labs", nargs=-1, metavar="[LAB]...")
@click.option("--measure", is_flag=True, help="Measure accuracies over ten seeds anew: minutes.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(STAGES),
    help="A part of the proof, while you write; may be repeated. Then nothing is kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def prove(
    author: Author, labs: Sequence[str], measure: bool, only: Sequence[str], as_json: bool
) -> None:
    """Try everything that could make a lab's points wrong, and print a table.

    The reference must pass and the untouched lab must score zero. Each wrong answer kept
    beside the lab must lose its own checks, and so must small automatic changes to the
    reference. Lines that begin with BROKEN say what to mend. What was found is kept in the
    lab's proof.json.

    LAB is a name of course.yaml, or a folder beside it. Without one: all labs.
    """
    options = [*(["--measure"] if measure else []), *(f"--stage={stage}" for stage in only)]
    # What programs read must not begin with bars.
    console = Console(stderr=True) if as_json else author.console
    with ProgressView(console) as bars:

        def show(table: str) -> None:
            if not as_json:
                console.print(table + "\n", markup=False, highlight=False, soft_wrap=True)

        progress = LabByLab(bars, show)
        result = author.desk.ask("grader.proof", labs, *options, progress=progress)
    text = json.dumps(result["labs"], indent=2) if as_json else result["table"]
    if text:
        click.echo(text)
    if not result["good"]:
        raise StepFailed(
            "Not everything holds that these labs promise",
            next_step="docs/authors.md says how to read the table and what to do",
        )


@course.command()
@click.argument("lab")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("preview"),
    show_default=True,
    help="Where to write.",
)
@click.pass_obj
def preview(author: Author, lab: str, folder: Path) -> None:
    """Write a lab as attendees get it, and its reference with all pictures, to look at.

    Each comes as a notebook and as a page for the browser.
    """
    with ProgressView(author.console) as bars:
        to = f"--to={folder.resolve()}"
        result = author.desk.ask("grader.proof.preview", [lab], to, progress=bars)
    for file in result["files"]:
        click.echo(file)


@course.command()
@click.argument("name")
@click.option(
    "--title", help='What attendees read. Default: from NAME, "word-counts" is "Word counts".'
)
@click.option(
    "--environment", default="nlp-cpu", show_default=True, help="The kernel that it runs in."
)
@click.pass_obj
def new(author: Author, name: str, title: str | None, environment: str) -> None:
    """Begin a lab: a small, whole one to replace piece by piece.

    It is added to course.yaml and can be proved at once.
    """
    words = title or name.replace("-", " ").replace("_", " ").capitalize()
    template = SOURCE / "coursework" / "template"
    folder = write_lab(author.desk.course, name, words, environment, template)
    click.echo(f"Wrote {folder}\nNext: edit lab.py in it, then: workshop course prove {name}")
