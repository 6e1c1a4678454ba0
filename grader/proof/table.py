"""The tables, in plain text: one for each lab, one for the course."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.proof.findings import LabProof, Tally


def table(proof: LabProof) -> str:
    """Everything that was tried, then what is broken, then what is worth knowing."""
    lines = [f"{proof.lab}: {proof.points:g} points, {len(proof.exercises)} exercises"]
    lines += [f"  {what:<36}{value}" for what, value in _rows(proof) if value]
    lines += [f"  BROKEN  {finding}" for finding in proof.findings]
    lines += [f"  note    {note}" for note in proof.notes]
    return "\n".join(lines)


def _rows(proof: LabProof) -> Iterator[tuple[str, str]]:
    mutants, measured = proof.mutants, proof.measured
    yield "the reference passes", _of(proof.reference, "runs")
    yield "untouched, checks that fail", _of(proof.untouched)
    yield "degenerate answers that score 0", _of(proof.degenerate)
    yield "wrong answers that lose their own", _of(proof.wrong_answers)
    yield "odd answers met with a sentence", _of(proof.odd_answers)
    yield "a cell missing, said in a sentence", _of(proof.disorder)
    if mutants.tried:
        share = f"{100 * mutants.share:.0f} %"
        yield "automatic mutants caught", f"{mutants.caught} of {mutants.tried} ({share})"
        yield "  possible, equivalent", f"{mutants.possible}, {mutants.equivalent}"
    for each in mutants.survivors:
        yield "  survived", f"{each['cell']}: {each['was']}  →  {each['becomes']}"
    for what, margin in proof.margins.items():
        yield f"margin: {what}", f"{margin.least:g} at least, {margin.threshold:g} needed"
    if measured.notebook_seconds:
        yield "notebook, pictures", f"{measured.notebook_seconds:g} s, {proof.pictures}"
    if measured.seconds:
        busy = " (beside other work)" if measured.busy else ""
        seconds = f"{measured.seconds:g} s{busy}, {measured.cpu_seconds:g} s of CPU"
        yield "the reference takes", f"{seconds}, {measured.megabytes:g} MB"


def _of(tally: Tally, what: str = "") -> str:
    """Nothing for what was not asked for."""
    if not tally.tried:
        return ""
    return f"{tally.good} of {tally.tried} {what}".rstrip()


def course_table(proofs: Sequence[LabProof], broken: Sequence[str]) -> str:
    """A line for each lab, and what holds for all together."""
    lines = [f"{'lab':<16}{'wrong':>8}{'mutants caught':>18}{'seconds':>9}{'MB':>6}"]
    for proof in proofs:
        kept = proof.wrong_answers.tried + proof.degenerate.tried
        of_lab = f"{proof.mutants.caught} of {proof.mutants.tried}"
        figures = f"{proof.measured.own_seconds:>9.1f}{proof.measured.megabytes:>6.0f}"
        verdict = f"  {len(proof.findings)} broken" if proof.findings else ""
        lines.append(f"{proof.lab:<16}{kept:>8}{of_lab:>18}{figures}{verdict}")
    tried = sum(proof.mutants.tried for proof in proofs)
    caught = sum(proof.mutants.caught for proof in proofs)
    seconds = sum(proof.measured.own_seconds for proof in proofs)
    share = f"{100 * caught / tried:.1f} %" if tried else "-"
    lines.append(f"{'together':<16}{'':>8}{share:>18}{seconds:>9.1f}")
    lines += [f"  BROKEN  {finding}" for finding in broken]
    return "\n".join(lines)
