"""proof.json: what was found about a lab, with a digest of everything that it was found about.

A record holds for these code cells, data, collections, packages and engine. Prose may change: it
decides about nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

from grader import durable
from grader.notebooks import data_files
from grader.proof.findings import LabProof, Measured
from grader.proof.lab import Lab
from grader.sealed.engine import ENGINE_VERSION

#: Raise it when the same lab can get another table.
PROOF_VERSION = "1"
_COLLECTIONS = ("mutants.yaml", "equivalents.yaml", "margins.py")


def digest_of(lab: Lab, environment: str) -> str:
    """Of everything that decides about the table. `environment` is the lock's identity."""
    parts = [PROOF_VERSION, ENGINE_VERSION, environment, lab.spec.judging]
    for cell in lab.cells:
        parts += [cell.id, cell.kind, cell.source, f"{cell.points:g}"]
        parts += ["picture" * cell.picture, "slow" * cell.slow]
    for file in data_files(lab.folder):
        parts += [str(file), durable.file_digest(lab.folder / file)]
    for name in _COLLECTIONS:
        file = lab.folder / name
        parts += [name, durable.file_digest(file) if file.exists() else ""]
    return durable.text_digest(*parts)


def margins_digest_of(lab: Lab, environment: str) -> str:
    """Of what the margins are measured on: no collection decides about them."""
    parts = [environment, durable.file_digest(lab.folder / "margins.py")]
    parts += [cell.source for cell in lab.cells if cell.kind != "test"]
    for file in data_files(lab.folder):
        parts += [str(file), durable.file_digest(lab.folder / file)]
    return durable.text_digest(*parts)


def read_record(folder: Path) -> dict[str, Any]:
    """What proof.json says; nothing, if it isn't there or isn't one."""
    try:
        record = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def quickest(folder: Path, proof: LabProof) -> Measured:
    """The measures of the quickest run on this text: whatever else the machine did only adds.

    A run beside other work counts only until there is one without.
    """
    known = read_record(folder)
    if known.get("digest") != proof.digest:
        return proof.measured
    with contextlib.suppress(KeyError, TypeError):  # a record of another version
        kept = Measured(**known["measured"])
        return min(proof.measured, kept, key=lambda each: (each.busy, each.seconds))
    return proof.measured


def keep_record(folder: Path, proof: LabProof) -> None:
    """Write proof.json."""
    text = json.dumps(dataclasses.asdict(proof), indent=2, ensure_ascii=False)
    durable.write_text(folder / "proof.json", text + "\n")
