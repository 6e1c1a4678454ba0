"""workshop.yaml: small, with sensible defaults, and plain about what is wrong."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from hub_config.spec import WorkshopSpec, check_date, check_files, check_workers
from provisioning.errors import BadInput
from provisioning.spec_file import read_spec

LEAST = "name: demo\ncourse: coursework/nlp\nseats: 30\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "workshop.yaml"
    path.write_text(text)
    return path


def read(folder: Path, text: str) -> WorkshopSpec:
    return read_spec(write(folder, text), WorkshopSpec)


def test_three_lines_are_enough(tmp_path: Path) -> None:
    spec = read(tmp_path, LEAST)
    assert spec.hub.public_address == "http://127.0.0.1:8000"
    assert spec.hub.login.by_seat_code
    assert spec.seat.memory == 2 * 2**30
    assert (spec.submissions.max_megabytes, spec.submissions.max_files) == (20, 200)


def test_everything_can_be_said(tmp_path: Path) -> None:
    spec = read(
        tmp_path,
        """
name: demo
date: 2026-12-01
course: coursework/nlp
track: half-day
roster: roster.csv
hub:
  bind: 0.0.0.0
  port: 443
  address: https://hub.example.org/
  proxy: traefik
  login: {class: oauthenticator.github.GitHubOAuthenticator, config: {client_id: abc}}
  idle_minutes: 30
  tls: {certificate: hub.pem, key: hub.key}
  database: postgresql://ws@db.example.org/class?sslmode=require
  database_password: db.password
seat: {memory: 1.5G, cpus: 2}
submissions: {max_megabytes: 5, max_files: 10}
environments: {hub: mine/hub.yml}
""",
    )
    assert spec.hub.public_address == "https://hub.example.org"
    assert spec.hub.login.class_name == "oauthenticator.github.GitHubOAuthenticator"
    assert spec.hub.login.config == {"client_id": "abc"}
    assert spec.hub.database == "postgresql://ws@db.example.org/class?sslmode=require"
    here = spec.resolve(tmp_path)
    assert here.course == tmp_path / "coursework/nlp"
    assert here.roster == tmp_path / "roster.csv"
    assert here.environments == {"hub": tmp_path / "mine/hub.yml"}
    assert here.hub.database_password == tmp_path / "db.password"
    assert here.hub.tls is not None
    assert here.hub.tls.key == tmp_path / "hub.key"


@pytest.mark.parametrize(
    ("text", "where", "found", "wanted"),
    [
        (
            "name: demo\ncourse: c\n",
            "",
            "found neither `roster` nor `seats`",
            "write `roster: roster.csv`, or `seats: 30` for walk-ins",
        ),
        (
            LEAST + "roster: r.csv\n",
            ", line 3, seats",
            "found both `roster` and `seats`",
            "remove one of them",
        ),
        (
            "name: Demo Day\ncourse: c\nseats: 3\n",
            ", line 1, name",
            'found "Demo Day"',
            "write at most 20 lower-case letters, digits and dashes, beginning with a letter",
        ),
        (
            "name: demo\ncourse: c\nseats: 301\n",
            ", line 3, seats",
            "found 301",
            "write a whole number of walk-in seats from 1 to 300, such as 30",
        ),
        (LEAST + "hubb: {}\n", ", line 4, hubb", "found the unknown key `hubb`", "write `hub`"),
        (
            LEAST + "hub:\n  port: 99999\n",
            ", line 5, hub.port",
            "found 99999",
            "write a whole number from 1 to 65535, such as 8000",
        ),
        (
            LEAST + "hub:\n  proxy: nginx\n",
            ", line 5, hub.proxy",
            'found "nginx"',
            "write traefik or node",
        ),
        (
            LEAST + "hub:\n  bind: example.org\n",
            ", line 5, hub.bind",
            'found "example.org"',
            "write an IP address of this machine, or 0.0.0.0 for all",
        ),
        (
            LEAST + "hub:\n  bind: 0.0.0.0\n",
            ", line 4, hub.address",
            "found no address for a hub that listens on 0.0.0.0",
            "write `address:` with what attendees type, such as http://192.0.2.7:8000",
        ),
        (
            LEAST + "hub:\n  address: hub.example.org\n",
            ", line 5, hub.address",
            'found "hub.example.org"',
            "write the address that attendees type, such as https://hub.example.org",
        ),
        (
            LEAST + "hub:\n  login: github\n",
            ", line 5, hub.login",
            'found "github"',
            "write `seat-code`, or `class: module.Class` of a JupyterHub Authenticator",
        ),
        (
            LEAST + "hub:\n  login:\n    class: GitHub\n",
            ", line 6, hub.login.class",
            'found "GitHub"',
            "write `seat-code`, or `class: module.Class` of a JupyterHub Authenticator",
        ),
        (
            LEAST + "hub:\n  tls:\n    certificate: a.pem\n",
            ", line 5, hub.tls.key",
            "found no `key`",
            "write `key:` with the path of its PEM private key",
        ),
        (
            LEAST + "hub:\n  database: mysql://db/class\n",
            ", line 5, hub.database",
            "found an address that doesn't begin with postgresql://",
            "write an address such as postgresql://user@db.example.org/name, without a password",
        ),
        (
            LEAST + "hub:\n  database: 5432\n",
            ", line 5, hub.database",
            "found 5432",
            "write an address such as postgresql://user@db.example.org/name, without a password",
        ),
        (
            LEAST + "hub:\n  database_password: db.password\n",
            ", line 5, hub.database_password",
            "found the password of no database",
            "write `database:` with an address such as postgresql://user@db.example.org/name, "
            "without a password",
        ),
        (
            LEAST + "seat: {gpu: half}\n",
            ", line 4, seat.gpu",
            'found "half"',
            "write whole: a GPU for each seat; shared: seats of a host use its GPUs together, and "
            "nothing keeps one from taking all of it",
        ),
        (
            LEAST + "backup: {minutes: 0}\n",
            ", line 4, backup.minutes",
            "found 0",
            "write a whole number of minutes from 1 to 60, such as 5",
        ),
        (
            LEAST + "backup: {home: 1M}\n",
            ", line 4, backup.home",
            "found 1048576",
            "write a size from 10M to 1T, such as 2G: more of a home is not copied",
        ),
        (
            LEAST + "grading: {workers: gpu}\n",
            ", line 4, grading.workers",
            'found "gpu"',
            "write hub: on the hub's own host; hosts: on those that run seats",
        ),
        (
            LEAST + "seat: {memory: 2}\n",
            ", line 4, seat.memory",
            "found 2",
            "write a size from 256M to 1T, such as 2G",
        ),
        (
            LEAST + "seat: {cpus: 0}\n",
            ", line 4, seat.cpus",
            "found 0",
            "write a number of cores from 0.1 to 256, such as 1.5",
        ),
        (
            LEAST + "submissions: {max_megabytes: lots}\n",
            ", line 4, submissions.max_megabytes",
            'found "lots"',
            "write a whole number from 1 to 1000, such as 20",
        ),
    ],
)
def test_a_mistake_is_one_message(
    tmp_path: Path, text: str, where: str, found: str, wanted: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_spec(path, WorkshopSpec)
    assert str(caught.value) == f"{path}{where}: {found}"
    assert caught.value.next_step == wanted


def test_workers_on_hosts_need_hosts(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST + "grading:\n  workers: hosts\n")
    with pytest.raises(BadInput) as caught:
        check_workers(read_spec(path, WorkshopSpec), path)
    assert str(caught.value) == f"{path}, line 5, grading.workers: found hosts, and no `hosts:`"
    assert caught.value.next_step == "add `hosts:`, or leave the key out: then this machine grades"


def test_a_password_in_the_address_of_a_database_is_not_repeated(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST + "hub:\n  database: postgresql://ws:secret@db/class\n")
    with pytest.raises(BadInput) as caught:
        read_spec(path, WorkshopSpec)
    assert str(caught.value) == f"{path}, line 5, hub.database: found a password in the address"
    assert "secret" not in caught.value.next_step


def test_a_day_that_is_past_is_a_mistake_and_today_is_not(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST + "date: 2026-12-01\n")
    spec = read_spec(path, WorkshopSpec)
    check_date(spec, datetime.date(2026, 12, 1), path)
    with pytest.raises(BadInput) as caught:
        check_date(spec, datetime.date(2026, 12, 2), path)
    assert str(caught.value) == (
        f"{path}, line 4, date: found 2026-12-01, which is past: today is 2026-12-02"
    )
    assert caught.value.next_step == "write the day of the class, or remove the key"


def test_a_path_that_leads_nowhere_is_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, LEAST)
    spec = read_spec(path, WorkshopSpec).resolve(tmp_path)
    with pytest.raises(BadInput) as caught:
        check_files(spec, path)
    missing = tmp_path / "coursework/nlp/course.yaml"
    assert str(caught.value) == f"{path}, line 2, course: found no file {missing}"
    missing.parent.mkdir(parents=True)
    missing.touch()
    check_files(spec, path)
