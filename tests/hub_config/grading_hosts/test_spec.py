"""`grading: workers:` in workshop.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_config.spec import WorkshopSpec, check_workers
from provisioning.errors import BadInput
from provisioning.spec_file import read_spec

LEAST = "name: mini\ncourse: course\nseats: 3\n"
HOSTS = "hosts: {provider: ec2, region: us-east-1, hub: {types: [t3.large]}}\n"


def read(folder: Path, text: str) -> tuple[WorkshopSpec, Path]:
    file = folder / "workshop.yaml"
    file.write_text(text)
    return read_spec(file, WorkshopSpec), file


def test_the_hubs_host_grades_unless_somebody_says_otherwise(tmp_path):
    spec, file = read(tmp_path, LEAST)
    assert spec.grading.workers == "hub"
    check_workers(spec, file)


def test_hosts_can_grade_where_there_are_hosts(tmp_path):
    check_workers(*read(tmp_path, LEAST + "grading: {workers: hosts}\n" + HOSTS))


def test_hosts_cannot_grade_where_there_are_none(tmp_path):
    spec, file = read(tmp_path, LEAST + "grading:\n  workers: hosts\n")
    with pytest.raises(BadInput) as refused:
        check_workers(spec, file)
    where = f"{file}, line 5, grading.workers: found hosts, and no `hosts:`"
    assert str(refused.value) == where
    assert refused.value.next_step.startswith("add `hosts:`")


def test_another_word_is_refused_with_what_can_be_written(tmp_path):
    with pytest.raises(BadInput, match=r'grading\.workers: found "cloud"'):
        read(tmp_path, LEAST + "grading: {workers: cloud}\n")
