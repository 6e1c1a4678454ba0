"""A seat is told where its Arm machine is, with a key of its own, wherever both of them are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hub_config.arm_hosts.addresses import (
    arm_address,
    arm_environment,
    arm_port_of,
    arm_ports,
)
from hub_config.fleet.links import Forward, seat_reach, wanted_links
from hub_config.fleet.seat_map import SeatMap
from hub_config.settings import HubSettings, Ports, SeatHostSettings, SeatSettings, Secrets
from provisioning.arm.keys import seat_of

SECRETS = Secrets(**{name: f"secret-{name}" for name in Secrets.model_fields})
STATE = Path("/srv/state/demo")
KEY = "ssh-ed25519 AAAA"


def host(name: str, *, spare: bool = False) -> SeatHostSettings:
    role = name.partition("-")[0]
    return SeatHostSettings(
        name=name, address=f"{name}.example", host_key=KEY, role=role, spare=spare
    )


def settings(*hosts: SeatHostSettings, arm_root: Path | None = None) -> HubSettings:
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
        seat_hosts=hosts, links=STATE / "links",
    )  # fmt: skip


TWO = settings(host("gpu-01"), host("arm-01"), host("arm-02"), host("arm-03", spare=True))


def test_the_emulated_machine_serves_where_there_is_no_arm_host():
    told = arm_address(settings(arm_root=STATE / "arm-1"), SECRETS, "ada")
    assert told["WORKSHOP_ARM_RPC"] == "127.0.0.1:5"
    assert seat_of(SECRETS.arm, told["WORKSHOP_ARM_KEY"]) == "ada"


def test_arm_hosts_come_before_the_emulated_machine():
    told = settings(host("arm-01"), arm_root=STATE / "arm-1")
    assert arm_ports(told) == (29100,)


def test_seats_are_spread_over_the_arm_hosts_and_each_keeps_its_own():
    names = [f"a{number:02}" for number in range(60)]
    found = [arm_address(TWO, SECRETS, name)["WORKSHOP_ARM_RPC"] for name in names]
    assert found == [arm_address(TWO, SECRETS, name)["WORKSHOP_ARM_RPC"] for name in names]
    assert min(Counter(found).values()) > 15
    assert set(found) == {"127.0.0.1:29100", "127.0.0.1:29101"}


def test_a_spare_waits():
    assert arm_port_of(TWO, host("arm-03", spare=True)) is None


def test_the_secret_itself_is_told_to_no_seat():
    assert SECRETS.arm not in arm_address(TWO, SECRETS, "ada").values()


@pytest.mark.parametrize("secrets", [SECRETS, SECRETS.model_copy(update={"arm": ""})])
def test_nothing_is_told_where_there_is_no_machine(secrets):
    assert arm_address(settings(host("gpu-01")), secrets, "ada") == {}
    assert arm_environment(settings(host("gpu-01")), secrets) == {}


def test_jupyterhub_asks_for_each_seat():
    class Spawner:
        class user:
            name = "grace"

    found = {name: ask(Spawner) for name, ask in arm_environment(TWO, SECRETS).items()}
    assert found == arm_address(TWO, SECRETS, "grace")


def test_the_links_lead_from_every_seat_host_to_every_arm_host():
    assert {29100, 29101} <= set(seat_reach(TWO))
    links = {link.host.name: link for link in wanted_links(TWO, SeatMap())}
    assert links["arm-02"].here == (Forward.port(29101),)
    assert links["arm-02"].there == ()
    assert links["arm-03"].here == ()
    assert Forward.port(29101) in links["gpu-01"].there
