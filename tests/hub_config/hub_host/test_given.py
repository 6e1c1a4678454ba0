"""What the hub host gets of the instructor's files."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import yaml

from hub_config.hub_host.facts import FACTS_NAME, HubHostFacts
from hub_config.hub_host.given import given_parcel, hub_address, wants_own_authority
from hub_config.spec import WorkshopSpec
from provisioning.spec_file import read_spec

COURSE = Path(__file__).parents[2] / "e2e" / "course"
SPEC = """\
name: far
date: 2099-01-30
course: {course}
roster: roster.csv
seat: {{memory: 1.5G, cpus: 2}}
environments: {{hub: roster.csv}}
hub: {{idle_minutes: 30{hub}}}
hosts: {{provider: ec2, region: us-east-1}}
"""


def spec_of(folder: Path, hub: str = "") -> WorkshopSpec:
    (folder / "roster.csv").write_text("name,email,role\nAda,ada@example.org,attendee\n")
    (folder / "workshop.yaml").write_text(SPEC.format(course=COURSE, hub=hub))
    return read_spec(folder / "workshop.yaml", WorkshopSpec).resolve(folder)


def unpack(content: bytes, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(folder)
    return folder


def test_the_hub_hosts_file_is_read_there_and_says_the_same(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    facts = HubHostFacts(names=("192.0.2.9",), own_authority=True)
    parcel = given_parcel(spec, hub_address(spec, "192.0.2.9"), facts)
    there = unpack(parcel.content, tmp_path / "there")
    found = read_spec(there / "workshop.yaml", WorkshopSpec)
    assert (found.date, found.seat, found.hub.idle_minutes) == (spec.date, spec.seat, 30)
    assert found.hosts is None
    assert not found.environments
    assert found.hub.public_address == "https://192.0.2.9:8000"
    assert found.hub.bind == "0.0.0.0"
    assert (there / found.course / "course.yaml").is_file()
    assert (there / "roster.csv").read_text() == (tmp_path / "roster.csv").read_text()
    assert HubHostFacts.model_validate_json((there / FACTS_NAME).read_text()) == facts


def test_the_same_files_are_the_same_parcel(tmp_path: Path) -> None:
    facts = HubHostFacts(names=("192.0.2.9",))
    one = given_parcel(spec_of(tmp_path), "https://a.example.org", facts)
    assert given_parcel(spec_of(tmp_path), "https://a.example.org", facts) == one
    assert given_parcel(spec_of(tmp_path), "https://b.example.org", facts).identity != one.identity


@pytest.mark.parametrize(
    ("hub", "address", "own"),
    [
        ("", "https://192.0.2.9:8000", True),
        (", port: 443", "https://192.0.2.9:443", True),
        (", address: https://hub.example.org", "https://hub.example.org", False),
        (", tls: {certificate: roster.csv, key: roster.csv}", "https://192.0.2.9:8000", False),
    ],
)
def test_a_hub_without_a_certificate_or_a_proxy_makes_its_own(
    tmp_path: Path, hub: str, address: str, own: bool
) -> None:
    spec = spec_of(tmp_path, hub)
    assert hub_address(spec, "192.0.2.9") == address
    assert wants_own_authority(spec) is own


def test_a_certificate_of_the_instructors_travels_along(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, ", tls: {certificate: roster.csv, key: roster.csv}")
    facts = HubHostFacts(names=("192.0.2.9",))
    parcel = given_parcel(spec, hub_address(spec, "192.0.2.9"), facts)
    there = unpack(parcel.content, tmp_path / "there")
    told = yaml.safe_load((there / "workshop.yaml").read_text())["hub"]["tls"]
    assert (there / told["key"]).read_bytes() == (tmp_path / "roster.csv").read_bytes()
