"""The processes of a running workshop: what each is, under which account, with which secrets."""

from __future__ import annotations

import json
from pathlib import Path

from hub_config.fleet.fleet_programs import fleet_programs
from hub_config.grading_hosts.dispatcher import dispatcher
from hub_config.grading_hosts.places import worker_hosts
from hub_config.program import Accounts, Program, program_environment
from hub_config.settings import HubSettings, Secrets

LOOPBACK = "127.0.0.1"
#: Ports below this need root to listen on.
FIRST_FREE_PORT = 1024


def programs(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> tuple[Program, ...]:
    """In the order in which they start."""
    always = (
        proxy(settings, secrets, accounts),
        exchange(settings, secrets, accounts),
        hub(settings),
        formgrader(settings, secrets, accounts),
        culler(settings, secrets, accounts),
        wall(settings, secrets, accounts),
        wall_facts(settings, secrets),
    )
    asked = (
        (settings.grade_on_submit, grader),
        (settings.arm_root is not None, arm_machine),
        (bool(worker_hosts(settings)), _dispatcher),
        (settings.extend_minutes > 0, extender),
    )
    made = (make(settings, secrets, accounts) for wanted, make in asked if wanted)
    return (*always, *made, *fleet_programs(settings))


def proxy(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    """Beside the hub, not below it: a hub that restarts drops no connection."""
    match settings.proxy:
        case "traefik":
            argv = _traefik(settings)
        case "node":
            argv = _node_proxy(settings)
    return Program(
        name="proxy",
        argv=argv,
        environment=program_environment(settings, {"CONFIGPROXY_AUTH_TOKEN": secrets.proxy}),
        folder=settings.state_home,
        order=10,
        account=accounts.service if settings.ports.public >= FIRST_FREE_PORT else None,
    )


def _traefik(settings: HubSettings) -> tuple[str, ...]:
    binary = settings.hub_python.parent / "traefik"
    return (str(binary), f"--configfile={settings.state_home / 'traefik.yaml'}")


def _node_proxy(settings: HubSettings) -> tuple[str, ...]:
    ports = settings.ports
    argv = [
        "configurable-http-proxy",
        *("--ip", settings.bind, "--port", str(ports.public)),
        *("--api-ip", LOOPBACK, "--api-port", str(ports.proxy_api)),
        *("--default-target", f"http://{LOOPBACK}:{ports.hub}"),
        *("--error-target", f"http://{LOOPBACK}:{ports.hub}/hub/error"),
    ]
    if settings.certificate and settings.certificate_key:
        argv += ["--ssl-cert", str(settings.certificate)]
        argv += ["--ssl-key", str(settings.certificate_key)]
    return tuple(argv)


def exchange(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    python, config = str(settings.hub_python), str(settings.state_home / "exchange.json")
    return Program(
        name="exchange",
        argv=(python, "-m", "hub_config.exchange.service", "--config", config),
        environment=program_environment(
            settings, service_environment(settings, "exchange", secrets)
        ),
        folder=settings.state_home,
        order=20,
        account=accounts.service,
    )


def hub(settings: HubSettings) -> Program:
    config = settings.library / "hub_config" / "jupyterhub_config.py"
    facts = {"WORKSHOP_HUB_SETTINGS": str(settings.hub_folder / "settings.json")}
    return Program(
        name="hub",
        argv=(str(settings.hub_python), "-m", "jupyterhub", "--config", str(config)),
        environment=program_environment(settings, facts),
        folder=settings.hub_folder,
        order=30,
        ends_children=False,
    )


def formgrader(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    """nbgrader's formgrader, shared by all staff, where the gradebook is."""
    course = settings.state_home / "course"
    facts = service_environment(settings, "formgrader", secrets) | {
        "HOME": str(course),
        "JUPYTERHUB_DEFAULT_URL": "/formgrader",
        "JUPYTER_CONFIG_PATH": str(settings.state_home / "formgrader-config"),
        # Kernels in a jail without network, under the names that the labs ask for.
        "JUPYTER_PATH": str(course / "jupyter"),
        "WORKSHOP_EXCHANGE_URL": exchange_url(settings),
    }
    return Program(
        name="formgrader",
        argv=(str(settings.hub_python), "-m", "jupyterhub.singleuser"),
        environment=program_environment(settings, facts),
        folder=course,
        order=40,
        account=accounts.grader,
    )


def grader(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    """Grades submissions as they come in; the commands of the grader run beside it."""
    course = settings.state_home / "course"
    facts = {
        "HOME": str(course),
        "WORKSHOP_EXCHANGE_URL": exchange_url(settings),
        # The grader collects and answers in the name of the service that staff grade with.
        "JUPYTERHUB_API_TOKEN": secrets.formgrader,
    }
    python = (str(settings.hub_python), "-P", "-m", "grader")
    return Program(
        name="grader",
        # Whoever works at a seat comes before whoever waits for feedback.
        argv=("nice", "-n", "5", *python, "watch", str(grader_settings(settings.state_home))),
        environment=program_environment(settings, facts),
        folder=course,
        order=60,
        account=accounts.grader,
    )


def _dispatcher(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    return dispatcher(settings, accounts)


def grader_settings(state_home: Path) -> Path:
    """What the grader is told; see course_desk."""
    return state_home / "grader.json"


def arm_machine(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    """A machine with an Arm processor, for the labs that ask for one."""
    return Program(
        name="arm",
        argv=(
            *("nice", "-n", "10"),
            *(str(settings.hub_python), "-P", "-m", "provisioning.arm.serve"),
            *(str(settings.arm_root), str(settings.ports.arm)),
        ),
        environment=program_environment(settings, {"WORKSHOP_ARM_KEY": secrets.arm}),
        folder=settings.state_home,
        order=70,
        account=accounts.arm,
    )


def culler(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    facts = {
        "JUPYTERHUB_API_TOKEN": secrets.culler,
        "JUPYTERHUB_API_URL": f"http://{LOOPBACK}:{settings.ports.hub}/hub/api",
    }
    seconds = settings.idle_minutes * 60
    argv = (str(settings.hub_python), "-m", "jupyterhub_idle_culler", f"--timeout={seconds}")
    return Program(
        name="culler",
        argv=argv,
        environment=program_environment(settings, facts),
        folder=settings.state_home,
        order=50,
        account=accounts.service,
    )


def wall(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    """What the room sees; it shows the facts that the program below gathers."""
    python, config = str(settings.hub_python), str(settings.state_home / "wall.json")
    return Program(
        name="wall",
        argv=(python, "-m", "hub_config.wall.service", "--config", config),
        environment=program_environment(settings, service_environment(settings, "wall", secrets)),
        folder=settings.state_home,
        order=55,
        account=accounts.service,
    )


def wall_facts(settings: HubSettings, secrets: Secrets) -> Program:
    """Reads as root what no web service may read, and listens nowhere."""
    python, told = str(settings.hub_python), str(settings.hub_folder / "settings.json")
    facts = {
        "JUPYTERHUB_API_TOKEN": secrets.wall,
        "JUPYTERHUB_API_URL": f"http://{LOOPBACK}:{settings.ports.hub}/hub/api",
    }
    return Program(
        name="wall-facts",
        argv=("nice", "-n", "5", python, "-m", "hub_config.wall.gatherer", "--settings", told),
        environment=program_environment(settings, facts),
        folder=settings.state_home,
        order=55,
    )


def extender(settings: HubSettings, secrets: Secrets, accounts: Accounts) -> Program:
    """Lets the hosts live longer when staff wish it on the wall; as root, and listens nowhere."""
    python, told = str(settings.hub_python), str(settings.hub_folder / "settings.json")
    return Program(
        name="extender",
        argv=(python, "-m", "hub_config.extending.program", told),
        environment=program_environment(settings, {}),
        folder=settings.state_home,
        order=55,
    )


def exchange_url(settings: HubSettings) -> str:
    """Where submissions go from this machine."""
    return f"http://{LOOPBACK}:{settings.ports.exchange}/services/exchange/"


def service_environment(settings: HubSettings, name: str, secrets: Secrets) -> dict[str, str]:
    """What JupyterHub gives to a service that it manages itself; ours are supervised."""
    port, token = {
        "exchange": (settings.ports.exchange, secrets.exchange),
        "formgrader": (settings.ports.formgrader, secrets.formgrader),
        "wall": (settings.ports.wall, secrets.wall),
    }[name]
    scopes = json.dumps([f"access:services!service={name}"])
    return {
        "JUPYTERHUB_API_TOKEN": token,
        "JUPYTERHUB_API_URL": f"http://{LOOPBACK}:{settings.ports.hub}/hub/api",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_CLIENT_ID": f"service-{name}",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"/services/{name}/oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_SERVICE_NAME": name,
        "JUPYTERHUB_SERVICE_PREFIX": f"/services/{name}/",
        "JUPYTERHUB_SERVICE_URL": f"http://{LOOPBACK}:{port}/services/{name}/",
    }
