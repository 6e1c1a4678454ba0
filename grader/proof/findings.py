"""What was found out about a lab: counts for the table, and a sentence for each broken promise."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.proof.margins import Margin


@dataclass
class Tally:
    """One line of the table: how many were tried, how many were as they must be."""

    tried: int = 0
    good: int = 0


@dataclass
class MutantTally:
    """Automatic mutants, those that are listed as equivalent not counted."""

    possible: int = 0
    tried: int = 0
    caught: int = 0
    equivalent: int = 0
    #: cell, was, becomes of each one that earned all points of its exercise.
    survivors: list[dict[str, str]] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.caught / self.tried if self.tried else 1.0


@dataclass
class Measured:
    """The reference, judged as a submission: pictures and slow cells included."""

    seconds: float = 0.0
    #: The same in a Jupyter kernel, top to bottom.
    notebook_seconds: float = 0.0
    cpu_seconds: float = 0.0
    megabytes: float = 0.0
    #: Other work was waiting for the cores as well, so that only the CPU's seconds tell something.
    busy: bool = False

    @property
    def own_seconds(self) -> float:
        """What the lab takes, as far as this run can tell."""
        return self.cpu_seconds if self.busy else self.seconds


@dataclass
class LabProof:
    """One lab's table."""

    lab: str
    #: Of everything that the rest is about; see grader.proof.record.
    digest: str
    points: float
    exercises: dict[str, list[str]]
    reference: Tally = field(default_factory=Tally)
    untouched: Tally = field(default_factory=Tally)
    degenerate: Tally = field(default_factory=Tally)
    wrong_answers: Tally = field(default_factory=Tally)
    odd_answers: Tally = field(default_factory=Tally)
    disorder: Tally = field(default_factory=Tally)
    mutants: MutantTally = field(default_factory=MutantTally)
    #: Pictures that the executed notebook shows.
    pictures: int = 0
    #: Accuracies that a check demands: threshold, least value over the seeds, margin.
    margins: dict[str, Margin] = field(default_factory=dict)
    margins_digest: str = ""
    measured: Measured = field(default_factory=Measured)
    #: Worth knowing, but no broken promise.
    notes: list[str] = field(default_factory=list)
    #: Why the lab can't be trusted yet; empty when it can.
    findings: list[str] = field(default_factory=list)

    def broken(self, what: str) -> None:
        self.findings.append(what)
