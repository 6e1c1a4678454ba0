"""`python -m grader.proof COURSE [LAB...] --kernel NAME=PYTHON`: for environments of your own.

`workshop course prove` does the same with the environments that the course's locks describe.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from grader.errors import GraderError
from grader.proof.audience import Audience, Person, Program, private_stdout
from grader.proof.command import prove
from grader.proof.course import chosen_labs, read_course
from grader.proof.prove import STAGES
from grader.proof.settings import Kernel, ProofSettings


def main(argv: Sequence[str]) -> int:
    """Exit code 1 when a promise is broken, 2 when a lab can't be read."""
    options = _parser().parse_args(argv)
    audience: Audience = Program(private_stdout()) if options.events else Person()
    try:
        with tempfile.TemporaryDirectory(prefix="prove-", dir=options.run) as run:
            result = prove(_settings(options, Path(run)), audience.progress, audience.table)
    except GraderError as error:
        audience.error(error)
        return 2
    audience.result(result)
    return 0 if result["good"] else 1


def _settings(options: argparse.Namespace, run: Path) -> ProofSettings:
    spec = read_course(options.course)
    pythons = dict(each.split("=", 1) for each in options.kernel)
    return ProofSettings(
        coursework=options.course.resolve(),
        spec=spec,
        labs=chosen_labs(options.course, spec, options.labs),
        kernels={
            name: Kernel(python=Path(python), lock=options.locks / f"{name}.lock")
            for name, python in pythons.items()
        },
        run=run,
        measure=options.measure,
        stages=tuple(options.stage),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader.proof")
    parser.add_argument("course", type=Path, help="the folder of course.yaml")
    parser.add_argument("labs", nargs="*", metavar="LAB", help="a lab, or the folder of one")
    parser.add_argument("--kernel", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--locks", type=Path, default=Path("environments"), help="of the kernels")
    parser.add_argument("--measure", action="store_true", help="measure the margins anew")
    parser.add_argument("--stage", action="append", default=[], choices=STAGES, help="only these")
    parser.add_argument("--run", type=Path, help="where temporary files go")
    parser.add_argument("--events", action="store_true", help="JSON lines, for programs")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
