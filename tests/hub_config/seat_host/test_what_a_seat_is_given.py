"""Rules, account files, graphics cards, settings and records: worked out, not yet used."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_config.seat_host import graphics
from hub_config.seat_host.accounts import account_files, account_of
from hub_config.seat_host.firewall import nameservers, table
from hub_config.seat_host.graphics import Card
from hub_config.seat_host.protocol import Started
from hub_config.seat_host.records import Records, SeatRecord
from hub_config.seat_host.settings import HostSettings, WarmKernel, read_settings
from hub_config.seat_host.warm.entering import Account
from hub_config.seat_process import SeatProcess
from provisioning.limits import SeatLimits

RECORD = SeatRecord(
    username="ada",
    uid=70001,
    port=20001,
    gpu=None,
    limits=SeatLimits(2**30, 1.5, 512),
    started=Started(10, 11, True),
    jail=SeatProcess(1, 2, SeatProcess(3, 4)),
    # Above every number that Linux gives to a process.
    kernels=(SeatProcess(4_194_305, 6),),
)


def test_a_seat_knows_the_systems_accounts_and_its_own(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\nws-eve:x:1004:1004::/h:/bin/sh\nnobody:x:65534:65534::/:/x\n"
    )
    (tmp_path / "group").write_text("root:x:0:\neve:x:1004:ada\n")
    files = account_files("ada", Account(70001, 70002), tmp_path)
    names = [line.split(":")[0] for line in files.passwd.splitlines()]
    assert names == ["root", "nobody", "ada"]
    assert files.group == "root:x:0:\nada:x:70002:\n"
    assert "ada:x:70001:70002::/home/ada:/bin/bash" in files.passwd


def test_an_account_of_the_host_keeps_its_group_others_have_their_own() -> None:
    assert account_of(70001) == Account(70001, 70001)
    assert account_of(65534).gid == 65534


def test_the_rules_name_the_ports_and_shut_the_rest() -> None:
    rules = table("workshop_demo", (9002, 9001), ("10.0.0.2", "fd00::2"))
    order = [
        "tcp dport { 9001, 9002 } accept",
        "ip daddr 10.0.0.2 meta l4proto { tcp, udp } th dport 53 accept",
        "ip6 daddr fd00::2 meta l4proto { tcp, udp } th dport 53 accept",
        "169.254.0.0/16",
        "fib daddr type local reject",
    ]
    places = [rules.index(each) for each in order]
    assert places == sorted(places)


def test_the_metadata_address_is_never_asked_for_names() -> None:
    text = "# x\nnameserver 169.254.169.254\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\n"
    assert nameservers(text) == ("10.0.0.2", "fe80::1")


def test_a_seat_gets_the_device_of_its_card_and_no_other(tmp_path: Path) -> None:
    known = (Card(3, "GPU-a"), Card(0, "GPU-b"))
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    given = [path.name for path in graphics.devices(1, known, tmp_path)]
    assert given == ["nvidia0", "nvidiactl", "nvidia-uvm"]
    assert graphics.environment(1, known)["CUDA_VISIBLE_DEVICES"] == "GPU-b"
    assert graphics.environment(1, ())["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_seat_without_a_card_sees_none() -> None:
    assert graphics.environment(None, (Card(0, "GPU-a"),)) == {"CUDA_VISIBLE_DEVICES": ""}
    assert graphics.devices(None, (Card(0, "GPU-a"),)) == ()


def test_cards_are_counted_in_the_order_of_their_slots(tmp_path: Path) -> None:
    for slot, minor, uuid in (("0000:81:00.0", 0, "GPU-b"), ("0000:01:00.0", 1, "GPU-a")):
        (tmp_path / slot).mkdir()
        text = f"Model: \t T4\nGPU UUID: \t {uuid}\nDevice Minor: \t {minor}\n"
        (tmp_path / slot / "information").write_text(text)
    assert graphics.cards(tmp_path) == (Card(1, "GPU-a"), Card(0, "GPU-b"))


def test_the_settings_are_read_as_they_were_written(tmp_path: Path) -> None:
    settings = HostSettings(
        workshop="demo",
        socket=tmp_path / "s",
        run=tmp_path / "r",
        homes=tmp_path / "h",
        hub_prefix=tmp_path / "hub",
        library=tmp_path / "l",
        read_only=(tmp_path / "a", tmp_path / "b"),
        kernels=(WarmKernel("nlp", tmp_path / "nlp", ("numpy",)),),
        reach=(1, 2),
        warm=False,
    )
    (tmp_path / "seats.json").write_text(settings.text())
    assert read_settings(tmp_path / "seats.json") == settings


def test_a_record_comes_back_and_one_of_an_earlier_boot_does_not(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.write(RECORD)
    assert list(records.all()) == [RECORD]
    file = tmp_path / "ada.json"
    file.write_text(file.read_text().replace('"boot": "', '"boot": "0'))
    assert list(records.all()) == []
    assert not file.exists()


@pytest.mark.parametrize("broken", ["", "{}", '{"boot": 1}', "[1]"])
def test_a_broken_record_stops_nobody(tmp_path: Path, broken: str) -> None:
    records = Records(tmp_path)
    (tmp_path / "eve.json").write_text(broken)
    records.write(RECORD)
    assert list(records.all()) == [RECORD]


def test_kernels_that_ended_are_forgotten() -> None:
    kernel = SeatProcess(999_999, 1)
    assert RECORD.with_kernel(kernel).kernels == (kernel,)
