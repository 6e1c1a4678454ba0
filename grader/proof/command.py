"""`prove`: some labs of a course, one after the other, then what holds for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from grader.events import Progress
from grader.proof.bench import Engines
from grader.proof.findings import LabProof
from grader.proof.promises import unkept_by_course
from grader.proof.prove import prove_lab
from grader.proof.settings import ProofSettings
from grader.proof.table import course_table, table


def prove(
    settings: ProofSettings, progress: Progress, proved: Callable[[str], None]
) -> dict[str, Any]:
    """Facts about all of them; `proved` gets each lab's table as soon as it is there."""
    proofs: list[LabProof] = []
    with Engines(settings.run) as engines:
        for spec in settings.labs:
            proof = prove_lab(settings, spec, engines, progress)
            proofs.append(proof)
            proved(table(proof))
    whole = len(proofs) == len(settings.spec.labs) and not settings.stages
    broken = list(unkept_by_course(proofs)) if whole else []
    return {
        "labs": [dataclasses.asdict(proof) for proof in proofs],
        "table": course_table(proofs, broken) if len(proofs) > 1 else "",
        "findings": broken,
        "good": not broken and not any(proof.findings for proof in proofs),
    }
