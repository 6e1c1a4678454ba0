"""The nbgrader course folder of a workshop: configuration, kernels, people."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from grader import durable, gradebook
from grader.database import ensure_gradebook
from grader.errors import BadInput, Place
from grader.feedback_page import TEMPLATES
from grader.folders import CourseFolder
from grader.settings import GraderSettings

#: The folder that holds the package `grader` (and, beside it, the exchange's plug-ins).
LIBRARY = Path(__file__).resolve().parent.parent

_HEAD = """\
# Written by `workshop`; the next `workshop release` or `grade` writes it again.
# Plain nbgrader works here: `cd` into this folder and run it.
import sys

if {library!r} not in sys.path:
    sys.path.append({library!r})

c = get_config()
"""


def ensure_course(settings: GraderSettings) -> bool:
    """Make or update the course folder. Returns whether anything changed.

    Raises BadInput when a lab asks for an environment that the workshop doesn't have.
    """
    folder = CourseFolder(settings.course)
    for lab in settings.spec.labs:
        if lab.environment not in settings.environments:
            raise BadInput(
                Place(settings.coursework / "course.yaml", f"labs, {lab.name}"),
                f"there is no environment {lab.environment!r}",
                f"one of: {', '.join(sorted(settings.environments))}",
            )
    # Solutions, hidden tests and grades: nobody else's business on this machine.
    folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    changed = _ensure_text(folder.config, nbgrader_config(settings))
    for name in settings.environments:
        spec = json.dumps(kernelspec(settings, name), indent=1)
        changed |= _ensure_text(folder.kernels / name / "kernel.json", spec + "\n")
    fresh = ensure_gradebook(folder, settings.spec.name, settings.gradebook)
    new = gradebook.ensure_people(folder, settings.spec.name, settings.people)
    return changed or fresh or new > 0


def _ensure_text(file: Path, text: str) -> bool:
    if file.exists() and file.read_text() == text:
        return False
    durable.write_text(file, text)
    return True


def kernelspec(settings: GraderSettings, name: str) -> dict[str, Any]:
    """The jailed kernel that stands for an environment wherever this course is graded."""
    jail = [
        sys.executable,
        # Not the working folder's modules: an attendee's files lie there.
        "-P",
        "-m",
        "grader.kernel_jail",
        "{connection_file}",
        settings.limits.model_dump_json(),
        str(settings.environments[name].python),
    ]
    return {
        "argv": jail,
        "display_name": f"{name} (graded in a jail)",
        "language": "python",
        "interrupt_mode": "message",
        "env": {"PYTHONPATH": str(LIBRARY)},
    }


def nbgrader_config(settings: GraderSettings) -> str:
    """The text of nbgrader_config.py."""
    lines = [_HEAD.format(library=str(LIBRARY))]
    for owner, traits in {**_traits(settings), **settings.exchange.options}.items():
        lines += [f"c.{owner}.{trait} = {value!r}" for trait, value in traits.items()]
    for action, plugin in settings.exchange.classes.items():
        lines.append(f"c.ExchangeFactory.{action} = {plugin!r}")
    return "\n".join(lines) + "\n"


def _traits(settings: GraderSettings) -> dict[str, dict[str, Any]]:
    identities = {name: one.identity for name, one in settings.environments.items()}
    where = {"course_id": settings.spec.name, "root": str(settings.course)}
    if settings.gradebook:
        where["db_url"] = settings.gradebook
    return {
        "CourseDirectory": where,
        "Application": {"log_level": "INFO"},
        "ClearSolutions": {
            "code_stub": {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}
        },
        "LimitOutput": {"max_lines": 1000, "max_traceback": 100},
        # Whatever runs cells without the judge (`nbgrader validate`) has the same bounds.
        "ExecutePreprocessor": {"timeout": max(lab.cell_seconds for lab in settings.spec.labs)},
        "Autograde": {
            "sanitize_preprocessors": [
                "nbgrader.preprocessors.ClearOutput",
                "grader.preprocessors.MendMetadata",
                "nbgrader.preprocessors.OverwriteKernelspec",
                "nbgrader.preprocessors.OverwriteCells",
                "nbgrader.preprocessors.CheckCellMetadata",
            ],
            "autograde_preprocessors": [
                "grader.preprocessors.JudgeCells",
                "nbgrader.preprocessors.LimitOutput",
                "grader.preprocessors.SaveComments",
                "nbgrader.preprocessors.AssignLatePenalties",
                "nbgrader.preprocessors.CheckCellMetadata",
            ],
        },
        "GenerateFeedback": {
            "preprocessors": [
                "grader.preprocessors.HideChecks",
                "nbgrader.preprocessors.GetGrades",
                "grader.feedback_page.ListExercises",
                "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
            ]
        },
        # Also the formgrader's: nothing in its pages comes from the internet, or acts.
        "HTMLExporter": {
            "extra_template_basedirs": [str(path) for path in TEMPLATES],
            "preprocessors": ["grader.safe_pages.SafePages"],
            "filters": {"markdown2html": "grader.safe_pages.markdown2html"},
        },
        "JudgeCells": {
            "course": str(settings.course),
            "run_folder": str(settings.run),
            "limits": settings.limits.model_dump(),
            "cell_seconds": {lab.name: lab.cell_seconds for lab in settings.spec.labs},
            "identities": identities,
            "pythons": {name: str(one.python) for name, one in settings.environments.items()},
            "unsealed": [lab.name for lab in settings.spec.labs if not lab.sealed],
        },
    }
