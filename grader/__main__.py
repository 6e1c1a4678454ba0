"""`python -m grader VERB SETTINGS [--lab L]... [--only WHO]... [--force]`: JSON lines on stdout.

{"event": "progress", "stage": "grade", "done": 3, "total": 30, "note": "ada: tokenisation"}
{"event": "result", ...}                 the verb's facts; the last line of a run that worked
{"event": "error", "family": "bad-input|not-possible|failed", "message": ..., "next_step": ...}
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from grader.errors import GraderError
from grader.events import EventStream
from grader.folders import CourseFolder
from grader.nbgrader_course import log_to
from grader.settings import read_settings
from grader.verbs import VERBS, Request

_EXIT = {"bad-input": 2, "not-possible": 3, "failed": 1}


def main(argv: Sequence[str]) -> int:
    """Run one verb; returns the exit code."""
    options = _parser().parse_args(argv)
    events = EventStream(_private_stdout())
    try:
        settings = read_settings(options.settings)
        settings.run.mkdir(parents=True, exist_ok=True)
        # Whatever is temporary lies in the workshop's own folder, even after a kill -9.
        tempfile.tempdir = str(settings.run)
        log_to(sys.stderr, CourseFolder(settings.course).records / "nbgrader.log")
        request = Request(
            verb=options.verb,
            settings=settings,
            labs=options.lab,
            only=options.only,
            force=options.force,
            progress=events.progress,
            settings_file=options.settings,
        )
        events.result(verb=options.verb, **VERBS[options.verb](request))
    except GraderError as error:
        events.error(error.family, error.message, error.next_step)
        return _EXIT[error.family]
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        events.error("failed", f"{type(error).__name__}: {error}", "run the command again")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader")
    parser.add_argument("verb", choices=sorted(VERBS))
    parser.add_argument("settings", type=Path, help="JSON file of GraderSettings")
    parser.add_argument("--lab", action="append", default=[], help="this lab only (repeatable)")
    parser.add_argument("--only", action="append", default=[], help="this attendee only")
    parser.add_argument("--force", action="store_true", help="also what needs no work")
    return parser


def _private_stdout() -> IO[str]:
    """Events alone reach the real stdout; a library's print goes to stderr."""
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return events


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
