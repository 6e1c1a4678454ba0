"""Proves labs: everything that can be found out about each of them, and what is kept of it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.errors import NotPossibleHere
from grader.events import Progress
from grader.notebooks import data_files
from grader.proof import margins, promises
from grader.proof.bench import Engines
from grader.proof.collection import read_equivalents, read_wrong_answers
from grader.proof.findings import LabProof
from grader.proof.lab import Lab, read_lab
from grader.proof.links import broken_links
from grader.proof.notebook_run import run_notebook
from grader.proof.record import digest_of, keep_record, margins_digest_of, quickest, read_record
from grader.proof.settings import Kernel, ProofSettings
from grader.proof.trial import Trial
from grader.spec import LabSpec

#: What can be asked for alone. The reference goes before all that the engine judges.
STAGES = ("wrong-answers", "disorder", "odd-answers", "mutants", "notebook", "margins")
_UNJUDGED = ("notebook", "margins")
#: A variant may take this many times as long as the slowest cell of the reference.
_PATIENCE, _SHORTEST = 4.0, 3.0


def prove_lab(
    settings: ProofSettings, spec: LabSpec, engines: Engines, progress: Progress
) -> LabProof:
    """One lab's table. Raises BadInput for its text or its collections."""
    if not spec.sealed:
        raise NotPossibleHere(
            f"lab {spec.name!r} is judged in the attendee's kernel, where nothing can be proved",
            next_step="leave `judging: in-kernel` out, or see docs/authors.md",
        )
    lab = read_lab(settings.coursework, spec)
    kernel = settings.kernel_of(spec)
    exercises = {each.name: sorted(each.check_ids) for each in lab.exercises}
    proof = LabProof(spec.name, digest_of(lab, kernel.identity), lab.points, exercises)
    work = _Work(lab, kernel, settings, progress, proof)
    stages = settings.stages or STAGES
    if judged := [stage for stage in STAGES if stage in stages and stage not in _UNJUDGED]:
        work.judge(judged, engines)
    if "notebook" in stages:
        work.look()
    if "margins" in stages:
        work.margins()
    if not settings.stages:
        proof.measured = quickest(lab.folder, proof)
        proof.findings += promises.unkept_by_counts(proof)
        if settings.keep:
            keep_record(lab.folder, proof)
    return proof


@dataclass(frozen=True)
class _Work:
    """One lab on its way through the stages."""

    lab: Lab
    kernel: Kernel
    settings: ProofSettings
    progress: Progress
    proof: LabProof

    def judge(self, stages: list[str], engines: Engines) -> None:
        """Everything that the sealed engine decides about."""
        lab = self.lab
        answers, equivalents = read_wrong_answers(lab.folder), read_equivalents(lab.folder)
        with engines.bench(lab, self.kernel.python) as bench:
            trial = Trial(lab, bench, self.proof, self.progress)
            trial.reference()
            trial.untouched()
            bench.cell_seconds = max(_SHORTEST, _PATIENCE * trial.slowest_cell)
            works: Mapping[str, Callable[[], None]] = {
                "wrong-answers": lambda: trial.wrong_answers(answers),
                "disorder": trial.disorder,
                "odd-answers": trial.odd_answers,
                "mutants": lambda: trial.mutants(equivalents),
            }
            for stage in stages:
                works[stage]()
        self.proof.findings += promises.unkept_by_collection(lab, answers)

    def look(self) -> None:
        """What a person sees: the notebook in a kernel, its links, its data."""
        lab = self.lab
        self.progress("notebook", 0, 1, lab.spec.name)
        run = run_notebook(lab, lab.notebook, self.kernel.python, self.settings.run)
        self.proof.pictures = run.pictures
        self.proof.measured.notebook_seconds = run.seconds
        self.proof.findings += (*run.faults(), *broken_links(lab), *self._data_faults())
        self.progress("notebook", 1, 1, lab.spec.name)

    def _data_faults(self) -> Iterator[str]:
        """The data is small, and its script makes these bytes."""
        folder = self.lab.folder
        kept = {str(file): (folder / file).read_bytes() for file in data_files(folder)}
        size = sum(map(len, kept.values()))
        if size > promises.DATA_BYTES:
            yield f"{size} bytes of data, more than {promises.DATA_BYTES}"
        if not (folder / "make_data.py").exists():
            if kept:
                yield "there is data but no make_data.py that makes it"
            return
        with tempfile.TemporaryDirectory(dir=self.settings.run) as place:
            target = Path(place) / "data"
            target.mkdir()
            command = [str(self.kernel.python), str(folder / "make_data.py"), str(target)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            made = {f"data/{f.relative_to(target)}": f for f in target.rglob("*") if f.is_file()}
            if done.returncode:
                yield f"make_data.py fails: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
            elif {name: file.read_bytes() for name, file in made.items()} != kept:
                yield "make_data.py does not make the bytes that lie in data"

    def margins(self) -> None:
        """Accuracies over seeds: measured when asked for, else as they are kept."""
        if not (self.lab.folder / "margins.py").exists():
            return
        digest = margins_digest_of(self.lab, self.kernel.identity)
        known = read_record(self.lab.folder)
        if self.settings.measure:
            self.progress("margins", 0, 1, self.lab.spec.name)
            self.proof.margins = margins.measure(self.lab.folder, self.kernel.python)
            self.progress("margins", 1, 1, self.lab.spec.name)
        elif known.get("margins_digest") == digest:
            self.proof.margins = margins.kept(known)
        else:
            self.proof.broken("its margins are not measured for this text: prove with --measure")
            return
        self.proof.margins_digest = digest
        self.proof.findings += margins.faults(self.proof.margins)
