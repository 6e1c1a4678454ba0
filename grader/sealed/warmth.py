"""Which zygote a submission is forked from: one with the large libraries, or one without.

A notebook that mentions nothing but numpy and the standard library is forked from the light one.
The verdicts are the same either way: what a zygote has not imported, the fork imports itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from grader.sealed.submission import Submission
from grader.sealed.zygote import HEAVY, Warmth

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)|import[ \t]+([^#;\n]+))", flags=re.MULTILINE)
_HEAVY = re.compile(r"\b(?:" + "|".join({name.partition(".")[0] for name in HEAVY}) + r")")
_LIGHT = {"numpy", "__future__", *sys.stdlib_module_names}


def warmth_for(submission: Submission) -> Warmth:
    """The least warmth that this submission profits from."""
    sources = [step.source for step in submission.steps]
    sources += [cell.source for cell in submission.author_cells]
    return "full" if any(map(_is_heavy, sources)) else "light"


def _is_heavy(source: str) -> bool:
    return bool(_HEAVY.search(source)) or any(name not in _LIGHT for name in _imported(source))


def _imported(source: str) -> Iterator[str]:
    for from_module, modules in _IMPORT.findall(source):
        for name in (from_module or modules).split(","):
            yield name.split()[0].partition(".")[0] if name.split() else ""
