"""A workshop with a lab that asks for an Arm machine starts one and tells its seats."""

from __future__ import annotations

from pathlib import Path

from hub_config.install import ensure_ports, ensure_secrets
from hub_config.program import Accounts
from hub_config.programs import programs
from hub_config.settings import HubSettings, Ports, SeatSettings, Secrets

SECRETS = Secrets(**{name: f"secret-{name}" for name in Secrets.model_fields})
STATE = Path("/srv/state/demo")


def settings(arm_root: Path | None) -> HubSettings:
    seat = SeatSettings(
        isolation="accounts", memory_bytes=2**31, cpus=1.0, processes=512, environments=(),
        kernels=(), jupyter_path=(), config=STATE,
    )  # fmt: skip
    return HubSettings(
        workshop="demo", course="nlp", bind="127.0.0.1", address="http://127.0.0.1:8000",
        ports=Ports(public=8000, hub=1, proxy_api=2, exchange=3, formgrader=4, arm=5),
        state_home=STATE, hub_folder=STATE, homes=STATE, library=STATE / "lib",
        seats_file=STATE, secrets_file=STATE, hub_python=Path("/srv/hub/bin/python"),
        certificate=None, certificate_key=None, seat=seat, starts_at_once=4, idle_minutes=60,
        login=None, instructors=(), assistants=(), attendees=(), arm_root=arm_root,
    )  # fmt: skip


def test_the_machine_runs_as_an_account_of_its_own_and_its_key_is_not_in_argv():
    told = settings(STATE / "arm-1")
    found = {each.name: each for each in programs(told, SECRETS, Accounts("s", "g", "a"))}
    assert found["arm"].account == "a"
    assert found["arm"].argv[-2:] == (str(STATE / "arm-1"), "5")
    assert SECRETS.arm not in " ".join(found["arm"].argv)
    assert dict(found["arm"].environment)["WORKSHOP_ARM_KEY"] == SECRETS.arm


def test_no_other_program_knows_the_key():
    told = settings(STATE / "arm-1")
    for program in programs(told, SECRETS, Accounts()):
        knows = SECRETS.arm in "".join(f"{key}{value}" for key, value in program.environment)
        assert knows is (program.name == "arm")


def test_without_a_lab_that_asks_there_is_no_machine():
    assert "arm" not in {each.name for each in programs(settings(None), SECRETS, Accounts())}


def test_a_workshop_of_an_older_version_gets_a_port_and_a_key_and_keeps_its_others(tmp_path):
    ports, secrets = tmp_path / "ports.json", tmp_path / "secrets.json"
    old = ensure_ports(ports, 8000)
    ports.write_text(old.model_dump_json(exclude={"arm"}))
    secrets.write_text(SECRETS.model_dump_json(exclude={"arm"}))
    new = ensure_ports(ports, 8000)
    assert new.arm
    assert new.model_dump(exclude={"arm"}) == old.model_dump(exclude={"arm"})
    assert ensure_ports(ports, 8000) == new
    completed = ensure_secrets(secrets)
    assert completed.arm
    assert completed.model_dump(exclude={"arm"}) == SECRETS.model_dump(exclude={"arm"})
