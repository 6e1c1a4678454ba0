"""Puts a lab on trial: what every variant got is compared with what is promised."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grader.events import Progress
from grader.proof.bench import Bench, Variant, lost, variant
from grader.proof.collection import Equivalent, WrongAnswer
from grader.proof.findings import LabProof, Tally
from grader.proof.lab import Lab
from grader.proof.mutants import Mutant, chosen_of, mutants_of, one_line
from grader.proof.odd_answers import odd_answers_of
from grader.sealed.submission import CellOutcome, Outcome

#: Hidden checks draw fresh inputs each time, so one run of the reference says little.
_REFERENCE_RUNS = 4
#: A mutant that survives is tried again: a check that catches it only sometimes is weak.
_SECOND_LOOKS = 2
#: The engine cuts longer reasons.
_CUT = 990


@dataclass
class Trial:
    """One lab, its engine, and what is found out."""

    lab: Lab
    bench: Bench
    proof: LabProof
    progress: Progress
    #: Of the reference, in seconds.
    slowest_cell: float = field(default=0.0, init=False)
    _done: int = field(default=0, init=False)

    def reference(self) -> None:
        """It passes on any inputs; run twice in one kernel it passes, too."""
        quick = self.lab.quick()
        runs = [
            variant(f"the reference, run {number}", quick) for number in range(2, _REFERENCE_RUNS)
        ]
        runs.append(variant("the reference, every cell twice", (*quick, *quick)))
        # Alone at first: this run is the one whose seconds count.
        found = self._judge("reference", [variant("the reference", self.lab.cells)])
        found |= self._judge("reference again", runs)
        for name, outcome in found.items():
            failed = lost(outcome)
            _count(self.proof.reference, not failed)
            for check, cell in failed.items():
                self.proof.broken(f"{name} does not pass {check}: {_why(cell)}")
        full = found["the reference"]
        for cell in full.cells:
            if cell.kind != "test" and cell.cause:
                self.proof.broken(f"the reference raises {cell.cause} in cell {cell.id!r}")
        self.slowest_cell = max(cell.seconds for cell in full.cells)
        self.proof.measured.seconds = round(full.seconds, 1)
        self.proof.measured.cpu_seconds = round(full.cpu_seconds, 1)
        self.proof.measured.megabytes = round(full.megabytes)
        self.proof.measured.busy = os.getloadavg()[0] > (os.cpu_count() or 1) + 1

    def untouched(self) -> None:
        """The release as it is earns nothing."""
        blanks = {cell.id: cell.blank for cell in self.lab.cells if cell.kind == "solution"}
        found = self._judge("untouched", [variant("untouched", self.lab.cells, **blanks)])
        failed = lost(found["untouched"])
        for check in sorted(self.lab.checks):
            _count(self.proof.untouched, check in failed)
            if check not in failed:
                self.proof.broken(f"the untouched release passes {check}: that check tests nothing")
        for cell in found["untouched"].cells:
            if cell.kind != "test" and cell.cause:
                self.proof.broken(f"the untouched release raises {cell.cause} in {cell.id!r}")

    def wrong_answers(self, answers: Sequence[WrongAnswer]) -> None:
        """Each loses exactly what it must; the degenerate ones lose their whole exercise."""
        known = [each for each in answers if self._is_consistent(each)]
        runs = [
            variant(
                f"{number}: {each.name}",
                self.lab.quick(self.lab.exercise_of(each.cell)),
                **{each.cell: each.source},
            )
            for number, each in enumerate(known)
        ]
        found = self._judge("wrong answers", runs)
        for each, run in zip(known, runs, strict=True):
            tally = self.proof.degenerate if each.kind == "degenerate" else self.proof.wrong_answers
            _count(tally, self._loses_what_it_must(each, lost(found[run.name])))

    def _is_consistent(self, answer: WrongAnswer) -> bool:
        exercise = self.lab.exercise_of(answer.cell)
        what = f"wrong answer {answer.name!r}"
        if exercise is None:
            self.proof.broken(f"{what}: no solution cell is called {answer.cell!r}")
            return False
        if foreign := sorted(set(answer.loses) - exercise.check_ids):
            self.proof.broken(f"{what}: {', '.join(foreign)} is no check of its exercise")
        if answer.kind == "degenerate" and set(answer.loses) != exercise.check_ids:
            missing = ", ".join(sorted(exercise.check_ids - set(answer.loses)))
            self.proof.broken(f"{what} is degenerate and must lose {missing}, too")
        return True

    def _loses_what_it_must(self, answer: WrongAnswer, failed: dict[str, CellOutcome]) -> bool:
        what = f"wrong answer {answer.name!r} to {answer.cell}"
        good = True
        for check in sorted(set(answer.loses) - failed.keys()):
            self.proof.broken(f"{what} passes {check}")
            good = False
        for check in sorted(failed.keys() - set(answer.loses)):
            self.proof.broken(f"{what} loses {check}, too: {_why(failed[check])}")
            good = False
        for check in sorted(failed):
            if not answer.raises and not _is_sentence(failed[check]):
                self.proof.broken(
                    f"{what}: {check} says no sentence of its own: {_why(failed[check])}"
                )
                good = False
        return good

    def odd_answers(self) -> None:
        """What is refused is refused in the lab's own words."""
        runs, owners = [], []
        for exercise in self.lab.exercises:
            for cell in exercise.solutions:
                for odd in odd_answers_of(cell):
                    name = f"{odd.kind} from {cell.id}"
                    runs.append(variant(name, self.lab.only(exercise), **{cell.id: odd.source}))
                    owners.append(odd.kind)
        found = self._judge("odd answers", runs)
        for run, kind in zip(runs, owners, strict=True):
            failed = lost(found[run.name])
            mute = _mute(failed)
            _count(self.proof.odd_answers, not mute)
            for check, found_cell in mute.items():
                why = _why(found_cell)
                self.proof.broken(f"{run.name}: {check} says no sentence of its own: {why}")
            if kind == "None" and not failed:
                self.proof.broken(f"{run.name}: every check passes")

    def disorder(self) -> None:
        """A check whose exercise was not run says so; the other exercises don't care."""
        runs = [
            variant(
                f"without {exercise.name}",
                [cell for cell in self.lab.quick(exercise) if cell not in exercise.solutions],
            )
            for exercise in self.lab.exercises
        ]
        found = self._judge("a cell missing", runs)
        for exercise, run in zip(self.lab.exercises, runs, strict=True):
            failed = lost(found[run.name])
            good = failed.keys() == exercise.check_ids
            for check in sorted(failed.keys() - exercise.check_ids):
                self.proof.broken(f"{run.name}: {check} fails, too: {_why(failed[check])}")
            for check in sorted(exercise.check_ids):
                if check not in failed or not _is_sentence(failed[check]):
                    why = _why(failed[check]) if check in failed else "it passes"
                    self.proof.broken(f"{run.name}: {check} does not say what is missing: {why}")
                    good = False
            _count(self.proof.disorder, good)

    def mutants(self, equivalents: Sequence[Equivalent]) -> None:
        """Each small change to the reference loses a check of its exercise."""
        listed = {(each.cell, one_line(each.was), one_line(each.becomes)) for each in equivalents}
        chosen, self.proof.mutants.possible = chosen_of(self.lab, listed)
        generated = [
            mutant
            for exercise in self.lab.exercises
            for cell in exercise.solutions
            for mutant in mutants_of(cell)
        ]
        for cell, was, becomes in sorted(listed - {mutant.key for mutant in generated}):
            self.proof.broken(f"equivalent to {cell}: no mutant turns {was!r} into {becomes!r}")
        survivors = self._survivors("mutants", chosen)
        tally = self.proof.mutants
        tally.tried, tally.caught = len(chosen), len(chosen) - len(survivors)
        tally.survivors = [
            {"cell": each.cell, "was": each.was, "becomes": each.becomes} for each in survivors
        ]
        self._equivalents([mutant for mutant in generated if mutant.key in listed])

    def _equivalents(self, mutants: list[Mutant]) -> None:
        self.proof.mutants.equivalent = len(mutants)
        surviving = {mutant.key for mutant in self._survivors("equivalents", mutants)}
        for cell, was, becomes in sorted({mutant.key for mutant in mutants} - surviving):
            self.proof.broken(
                f"equivalent to {cell}: a check catches {was!r} turned into {becomes!r}"
            )

    def _survivors(self, stage: str, mutants: Sequence[Mutant]) -> list[Mutant]:
        left = list(mutants)
        first: list[Mutant] | None = None
        for look in range(1 + _SECOND_LOOKS):
            runs = [self._run_of(mutant, number) for number, mutant in enumerate(left)]
            found = self._judge(stage if not look else f"{stage}, look {look + 1}", runs)
            left = [m for m, run in zip(left, runs, strict=True) if not lost(found[run.name])]
            if first is None:
                first = left
        sometimes = [mutant for mutant in first or [] if mutant not in left]
        for mutant in sometimes:
            self.proof.notes.append(
                f"caught only sometimes: {mutant.cell}: {mutant.was!r} turned into "
                f"{mutant.becomes!r}; draw more inputs"
            )
        return first or []

    def _run_of(self, mutant: Mutant, number: int) -> Variant:
        exercise = self.lab.exercise_of(mutant.cell)
        assert exercise is not None  # noqa: S101 - mutants are made from exercises
        cells = self.lab.only(exercise)
        return variant(f"{number}: {mutant.cell}", cells, **{mutant.cell: mutant.source})

    def _judge(self, stage: str, variants: Sequence[Variant]) -> dict[str, Outcome]:
        self._done = 0
        self.progress(stage, 0, len(variants), self.lab.spec.name)

        def judged(each: Variant, _: Outcome) -> None:
            self._done += 1
            self.progress(stage, self._done, len(variants), self.lab.spec.name)

        return self.bench.judge(variants, judged)


def _count(tally: Tally, good: bool) -> None:
    tally.tried += 1
    tally.good += good


def _is_sentence(cell: CellOutcome) -> bool:
    """The check's own words: an assertion's message that is a sentence."""
    reason = cell.reason.strip()
    ends = reason.endswith((".", "?")) or len(reason) >= _CUT
    return cell.cause == "AssertionError" and len(reason) > 30 and ends and not _is_own(cell)


def _is_own(cell: CellOutcome) -> bool:
    """Raised by the attendee's own code, or by a given cell that the answer went on to."""
    return cell.reason.startswith("your code raised")


def _mute(failed: Mapping[str, CellOutcome]) -> dict[str, CellOutcome]:
    """Checks that say no sentence. Where one check has said what came, another one may show
    what that does to the given code, a training loop for instance."""
    said = any(_is_sentence(cell) for cell in failed.values())
    return {
        check: cell
        for check, cell in failed.items()
        if not (_is_sentence(cell) or (said and _is_own(cell)))
    }


def _why(cell: CellOutcome) -> str:
    cause = f"{cell.cause}: " if cell.cause else ""
    return f"{cause}{one_line(cell.reason)[:200]}"
