"""Runs variants of a lab in one process of the course's kernel environment.

    python run_variants.py < request.json > answer.json

A variant is a list of cells, {"id", "source", "kind"}; kind is "code" or "check". As in nbgrader,
cells share a namespace, an exception costs its cell only, and a check passes when it neither raises
nor writes to stderr. With "apart": [names] the checks run in a namespace of their own that has
nothing but proxies of these functions, which pass arguments and results by value.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["MPLBACKEND"] = "Agg"


def by_value(functions: dict[str, Any], name: str) -> Callable[..., Any]:
    """A stand-in for a function that lives elsewhere: only plain data goes in and comes out."""

    def call(*args: Any, **keywords: Any) -> Any:
        args, keywords = pickle.loads(pickle.dumps((args, keywords)))
        return pickle.loads(pickle.dumps(functions[name](*args, **keywords)))

    return call


def run_cell(source: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Execute one cell; what a grader would see of it."""
    error, stderr, started = "", io.StringIO(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(stderr):
        try:
            exec(compile(source, "<cell>", "exec"), namespace)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    seconds = time.process_time() - started
    return {"error": error, "stderr": stderr.getvalue(), "cpu_seconds": seconds}


def run_variant(variant: dict[str, Any]) -> dict[str, Any]:
    attendee: dict[str, Any] = {"__name__": "__main__"}
    checker = attendee
    if "apart" in variant:
        checker = {"__name__": "__main__"}
        checker |= {name: by_value(attendee, name) for name in variant["apart"]}
    results = {}
    for cell in variant["cells"]:
        result = run_cell(cell["source"], checker if cell["kind"] == "check" else attendee)
        result["passed"] = not result["error"] and not result["stderr"]
        results[cell["id"]] = result
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    return results


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump({name: run_variant(variant) for name, variant in request.items()}, sys.stdout)
