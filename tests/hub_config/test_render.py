"""What the hub's processes are told, without starting any of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from hub_config.program import Accounts
from hub_config.programs import programs
from hub_config.render import exchange_configuration, render, seat_configuration
from hub_config.settings import HubSettings, Ports, SeatSettings, Secrets
from hub_config.spec import SubmissionsSpec

STATE = Path("/srv/state/demo")
SECRETS = Secrets(**{name: f"secret-{name}" for name in Secrets.model_fields})


def settings(**changes: object) -> HubSettings:
    seat = SeatSettings(
        isolation="accounts",
        memory_bytes=2**31,
        cpus=1.0,
        processes=512,
        environments=(Path("/srv/state/environments/hub-1"),),
        kernels=("nlp-cpu",),
        jupyter_path=(Path("/srv/state/environments/nlp-1/share/jupyter"),),
        config=STATE / "seat-config",
    )
    facts = {
        "workshop": "demo",
        "course": "nlp",
        "bind": "127.0.0.1",
        "address": "http://127.0.0.1:8000",
        "ports": Ports(public=8000, hub=1, proxy_api=2, exchange=3, formgrader=4),
        "state_home": STATE,
        "hub_folder": STATE / "hub",
        "homes": STATE / "homes",
        "library": STATE / "lib" / "1",
        "seats_file": STATE / "seats.json",
        "secrets_file": STATE / "hub" / "secrets.json",
        "hub_python": Path("/srv/state/environments/hub-1/bin/python"),
        "certificate": None,
        "certificate_key": None,
        "seat": seat,
        "starts_at_once": 4,
        "idle_minutes": 60,
        "login": None,
        "instructors": ("grace",),
        "assistants": (),
        "attendees": ("ada",),
    }
    return HubSettings(**{**facts, **changes})


def rendered(told: HubSettings, accounts: Accounts = Accounts("ws-s", "ws-g")) -> dict[str, str]:  # noqa: B008
    files = render(told, SECRETS, programs(told, SECRETS, accounts))
    return {str(path.relative_to(STATE)): file.text for path, file in files.items()}


def supervisord_programs(tmp_path: Path, text: str) -> dict[str, object]:
    """As supervisord itself reads the file."""
    here = text.replace(str(STATE), str(tmp_path))
    for account in ("ws-s", "ws-g"):
        here = here.replace(f"user={account}\n", "user=nobody\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "logs").mkdir()
    file = tmp_path / "supervisord.conf"
    file.write_text(here)
    options = ServerOptions()
    options.realize(["-c", str(file)])
    return {
        each.process_configs[0].name: each.process_configs[0]
        for each in (options.process_group_configs)
    }


def test_secrets_are_only_in_files_that_their_owner_alone_may_read() -> None:
    told = settings()
    files = render(told, SECRETS, programs(told, SECRETS, Accounts()))
    for path, file in files.items():
        if "secret-" in file.text:
            assert file.mode == 0o600, path


def test_no_secret_is_in_a_command_line() -> None:
    told = settings()
    for program in programs(told, SECRETS, Accounts()):
        assert not [part for part in program.argv if "secret-" in part], program.name


def test_supervisord_understands_every_program_and_its_environment(tmp_path: Path) -> None:
    found = supervisord_programs(tmp_path, rendered(settings())["hub/supervisord.conf"])
    assert set(found) == {
        *("proxy", "exchange", "hub", "formgrader", "culler"),
        *("wall", "wall-facts"),
    }
    environment = found["formgrader"].environment
    assert json.loads(environment["JUPYTERHUB_OAUTH_SCOPES"]) == [
        "access:services!service=formgrader"
    ]
    assert environment["JUPYTERHUB_API_TOKEN"] == "secret-formgrader"


def test_a_percent_sign_in_a_path_reaches_the_program_unchanged(tmp_path: Path) -> None:
    told = settings(library=STATE / "100%(odd)s")
    found = supervisord_programs(tmp_path, rendered(told)["hub/supervisord.conf"])
    assert found["hub"].environment["PYTHONPATH"].endswith("/100%(odd)s")


def test_programs_end_with_their_supervisor_but_seats_do_not_end_with_the_hub() -> None:
    text = rendered(settings())["hub/supervisord.conf"]
    sections = text.split("[program:")[1:]
    assert all('"setpriv" "--pdeathsig" "KILL"' in section for section in sections)
    hub = next(section for section in sections if section.startswith("hub]"))
    assert "killasgroup=false" in hub
    assert "stopasgroup=false" in hub


def test_a_port_that_needs_root_keeps_the_proxy_as_root() -> None:
    ports = Ports(public=443, hub=1, proxy_api=2, exchange=3, formgrader=4)
    by_name = {p.name: p for p in programs(settings(ports=ports), SECRETS, Accounts("s", "g"))}
    assert by_name["proxy"].account is None
    assert by_name["exchange"].account == "s"


@pytest.mark.parametrize("bind", ["::1", "::"])
def test_an_ipv6_address_is_written_with_brackets(bind: str) -> None:
    web = json.loads(rendered(settings(bind=bind))["traefik.yaml"])["entryPoints"]["web"]
    assert web["address"] == f"[{bind}]:8000"


def test_a_certificate_turns_tls_on() -> None:
    told = settings(certificate=Path("/c.pem"), certificate_key=Path("/k.pem"))
    web = json.loads(rendered(told)["traefik.yaml"])["entryPoints"]["web"]
    assert web["http"]["tls"] == {}
    assert (
        "tls" not in json.loads(rendered(settings())["traefik.yaml"])["entryPoints"]["web"]["http"]
    )


def test_seats_see_the_course_kernels_and_nothing_for_staff() -> None:
    files = rendered(settings())
    server = json.loads(files["seat-config/jupyter_server_config.json"])
    assert server["KernelSpecManager"]["allowed_kernelspecs"] == ["nlp-cpu"]
    extensions = server["ServerApp"]["jpserver_extensions"]
    assert extensions["nbgrader.server_extensions.formgrader"] is False
    assert extensions["nbgrader.server_extensions.assignment_list"] is True
    page = json.loads(files["seat-config/labconfig/page_config.json"])
    assert page["disabledExtensions"]["@jupyter/nbgrader:formgrader"] is True


def test_a_seats_configuration_has_the_extension_that_it_names() -> None:
    """It travels to every host of seats, so that the instructor's messages are read there."""
    files = seat_configuration(settings())
    server = json.loads(files[STATE / "seat-config" / "jupyter_server_config.json"].text)
    (named,) = server["LabApp"]["extra_labextensions_path"]
    package = json.loads(files[Path(named) / "workshop-notices" / "package.json"].text)
    script = Path(named) / "workshop-notices" / package["jupyterlab"]["_build"]["load"]
    assert "/services/wall/notices" in files[script].text


def test_the_exchange_gets_the_limits_of_the_spec() -> None:
    spec = SubmissionsSpec(max_megabytes=7, max_files=9)
    (file,) = exchange_configuration(settings(), spec).values()
    told = json.loads(file.text)["submissions"]
    assert (told["max_megabytes"], told["max_files"]) == (7.0, 9)


def test_a_second_rendering_is_the_same_bytes_whatever_the_order_of_sets() -> None:
    script = (
        "import sys; sys.path[:0] = ['.', 'tests/hub_config']\n"
        "from test_render import settings, rendered\n"
        "from hub_config.render import exchange_configuration\n"
        "from hub_config.spec import SubmissionsSpec\n"
        "told = settings()\n"
        "(file,) = exchange_configuration(told, SubmissionsSpec()).values()\n"
        "print(rendered(told), file.text)"
    )
    root = Path(__file__).parents[2]
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1


def test_the_grader_runs_as_its_own_account_where_submissions_are_graded_as_they_come_in() -> None:
    told = settings(grade_on_submit=True)
    found = {each.name: each for each in programs(told, SECRETS, Accounts("s", "g"))}
    grader = found["grader"]
    assert grader.account == "g"
    assert grader.argv[-2:] == ("watch", str(STATE / "grader.json"))
    secrets = [value for value in dict(grader.environment).values() if "secret" in value]
    assert secrets == [SECRETS.formgrader], "and no other"
    assert "grader" not in {each.name for each in programs(settings(), SECRETS, Accounts())}


def test_jupyterlab_has_a_menu_that_leads_to_the_feedback() -> None:
    file = rendered(settings())["seat-config/labconfig/default_setting_overrides.json"]
    menu, _ = json.loads(file)["@jupyterlab/mainmenu-extension:plugin"]["menus"]
    addresses = [item["args"]["url"] for item in menu["items"]]
    assert addresses == ["/services/exchange/feedback/newest", "/services/exchange/feedback/"]
