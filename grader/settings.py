"""Everything a grader's run is told: one JSON file, written by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader.errors import BadInput, Place
from grader.spec import CourseSpec


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(_Frozen):
    """An attendee of the roster: becomes a student of nbgrader's gradebook."""

    username: str
    name: str = ""
    email: str = ""


class EnvironmentSettings(_Frozen):
    """A kernel environment: its interpreter, and what changes when its packages change."""

    python: Path
    identity: str


class ExchangeSettings(_Frozen):
    """Which exchange nbgrader uses, as its own configuration says it.

    `classes` are traits of nbgrader's ExchangeFactory ("collect", "release_assignment", ...) to
    dotted names; `options` are class name to trait to value. Empty: nbgrader's own exchange.
    """

    classes: dict[str, str] = {}
    options: dict[str, dict[str, Any]] = {}
    #: A class that tells of submissions as they arrive (grader.arrivals.ArrivalSource).
    arrivals: str = ""


class Limits(_Frozen):
    """What one attendee's kernel may use while it is graded."""

    memory_megabytes: int = 3072
    processes: int = 200
    file_megabytes: int = 64
    scratch_megabytes: int = 256
    #: CPU and wall time of a whole notebook.
    notebook_seconds: int = 1200
    output_kilobytes_per_cell: int = 1024


class WorkerHostsSettings(_Frozen):
    """Where sealed runs are done elsewhere: the dispatcher's socket; see grader.scheduling."""

    socket: Path
    #: How many submissions all hosts together run at once.
    slots: int = Field(ge=1, le=1000)


class GraderSettings(_Frozen):
    """The input of `python -m grader VERB SETTINGS`."""

    course: Path
    coursework: Path
    spec: CourseSpec
    people: tuple[Person, ...] = ()
    environments: dict[str, EnvironmentSettings]
    exchange: ExchangeSettings = ExchangeSettings()
    #: Short: sockets of graded kernels lie below it, and a socket's path has 107 characters.
    run: Path
    reports: Path
    limits: Limits = Limits()
    #: A PostgreSQL server for the gradebook, as SQLAlchemy writes addresses and without a
    #: password; empty: nbgrader's usual file.
    gradebook: str = ""
    #: None: sealed runs are done on this machine.
    worker_hosts: WorkerHostsSettings | None = None


def read_settings(file: Path) -> GraderSettings:
    """The settings, or BadInput that names the key."""
    try:
        return GraderSettings.model_validate(json.loads(file.read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise BadInput(Place(file), str(error), "a JSON file of settings") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(Place(file, key), first["msg"], "the settings that the grader knows") from (
            error
        )
