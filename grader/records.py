"""Small JSON files that say what was done, so that it need not be done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grader import durable
from grader.folders import CourseFolder


def read_record(file: Path) -> dict[str, Any]:
    """The record, or nothing when it is not there (or is no record: then work is redone)."""
    try:
        found = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_record(file: Path, **facts: Any) -> None:
    durable.write_text(file, json.dumps(facts, indent=1, sort_keys=True) + "\n")


def released_version(folder: CourseFolder, lab: str) -> str:
    """The version of a lab that attendees have; "" for one that `release` doesn't know."""
    return str(read_record(folder.release_record(lab)).get("version", ""))
