"""What a lab must have, and a course: bounds on the counts of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from grader.proof.collection import WrongAnswer
from grader.proof.findings import LabProof
from grader.proof.lab import Lab

WRONG_ANSWERS = 8
WRONG_ANSWERS_PER_EXERCISE = 2
MUTANTS_CAUGHT = 0.90
MUTANTS_CAUGHT_BY_COURSE = 0.95
SECONDS = 60
SECONDS_OF_COURSE = 360
DATA_BYTES = 1_000_000


def unkept_by_collection(lab: Lab, answers: Sequence[WrongAnswer]) -> Iterator[str]:
    """Too few wrong answers."""
    mistakes: Counter[str] = Counter()
    degenerate: Counter[str] = Counter()
    for each in answers:
        exercise = lab.exercise_of(each.cell)
        if exercise is not None:
            (degenerate if each.kind == "degenerate" else mistakes)[exercise.name] += 1
    if len(answers) < WRONG_ANSWERS:
        yield f"{len(answers)} wrong answers are kept, {WRONG_ANSWERS} are needed"
    for exercise in lab.exercises:
        kept = mistakes[exercise.name] + degenerate[exercise.name]
        if kept < WRONG_ANSWERS_PER_EXERCISE:
            yield f"{exercise.name} has {kept} wrong answers, it needs {WRONG_ANSWERS_PER_EXERCISE}"
        if not degenerate[exercise.name]:
            yield f"{exercise.name} has no wrong answer of `kind: degenerate`"


def unkept_by_counts(proof: LabProof) -> Iterator[str]:
    """Too few mutants caught, too slow."""
    mutants = proof.mutants
    if mutants.share < MUTANTS_CAUGHT:
        yield f"{mutants.caught} of {mutants.tried} mutants caught: below {MUTANTS_CAUGHT:.0%}"
    if proof.measured.own_seconds > SECONDS:
        yield f"the reference takes {proof.measured.own_seconds:g} s, more than {SECONDS} s"


def unkept_by_course(proofs: Sequence[LabProof]) -> Iterator[str]:
    """What holds for all labs together."""
    tried = sum(proof.mutants.tried for proof in proofs)
    caught = sum(proof.mutants.caught for proof in proofs)
    if caught < MUTANTS_CAUGHT_BY_COURSE * tried:
        yield f"{caught} of {tried} mutants caught: below {MUTANTS_CAUGHT_BY_COURSE:.0%}"
    seconds = sum(proof.measured.own_seconds for proof in proofs)
    if seconds > SECONDS_OF_COURSE:
        yield f"the references take {seconds:.0f} s together, more than {SECONDS_OF_COURSE} s"
