"""proof.json of every lab: made from the lab as it is now, and good enough.

`make prove` writes these files; this test only reads them.
"""

from __future__ import annotations

import dataclasses

import pytest

from grader.proof import promises
from grader.proof.collection import read_equivalents, read_wrong_answers
from grader.proof.course import read_course
from grader.proof.findings import LabProof, Measured
from grader.proof.lab import read_lab
from grader.proof.record import digest_of, margins_digest_of, read_record
from grader.proof.settings import Kernel

AGAIN = "run `make prove` (or `workshop course prove {}`) and commit proof.json"


@pytest.fixture
def record(lab):
    found = read_record(lab.folder)
    assert found, f"{lab.spec.name} has no proof.json: " + AGAIN.format(lab.spec.name)
    return found


def lock_of(lab, request):
    name = f"{lab.spec.environment}.lock"
    return Kernel(request.path, request.path.parents[2] / "environments" / name).identity


def test_it_is_about_the_lab_as_it_is_now(lab, record, request):
    digest = digest_of(lab, lock_of(lab, request))
    assert record["digest"] == digest, AGAIN.format(lab.spec.name)


def test_nothing_was_found_broken(record):
    assert record["findings"] == []


def test_every_answer_of_its_collection_got_what_it_must(lab, record):
    answers = read_wrong_answers(lab.folder)
    assert record["wrong_answers"]["tried"] + record["degenerate"]["tried"] == len(answers)
    for kind in ("reference", "untouched", "degenerate", "wrong_answers", "odd_answers"):
        assert record[kind]["good"] == record[kind]["tried"] > 0, kind
    assert list(promises.unkept_by_collection(lab, answers)) == []


def test_enough_automatic_mutants_are_caught(lab, record):
    mutants = record["mutants"]
    assert mutants["tried"] >= 3 * len(lab.exercises)
    assert mutants["caught"] >= promises.MUTANTS_CAUGHT * mutants["tried"]
    assert mutants["equivalent"] >= len(read_equivalents(lab.folder))
    assert mutants["caught"] + len(mutants["survivors"]) == mutants["tried"]


def test_it_is_quick_and_shows_pictures(record):
    assert 0 < Measured(**record["measured"]).own_seconds <= promises.SECONDS
    assert record["pictures"] >= 1


def test_thresholds_have_a_margin_over_ten_seeds(lab, record, request):
    if not (lab.folder / "margins.py").exists():
        assert record["margins"] == {}
        return
    assert record["margins_digest"] == margins_digest_of(lab, lock_of(lab, request))
    assert record["margins"]
    for margin in record["margins"].values():
        assert len(margin["values"]) >= 10
        assert min(margin["values"]) > margin["threshold"]


def test_the_course_as_a_whole(request):
    course = request.path.parents[2] / "coursework/nlp"
    records = [read_record(read_lab(course, spec).folder) for spec in read_course(course).labs]
    tried = sum(record["mutants"]["tried"] for record in records)
    caught = sum(record["mutants"]["caught"] for record in records)
    assert caught >= promises.MUTANTS_CAUGHT_BY_COURSE * tried
    seconds = sum(Measured(**record["measured"]).own_seconds for record in records)
    assert seconds <= promises.SECONDS_OF_COURSE


def test_records_hold_nothing_else_than_the_table(record):
    assert record.keys() == {field.name for field in dataclasses.fields(LabProof)}
