"""JupyterHub loads this file by path; it only says what `settings.json` means in traits.

One small function per part of the hub; no decision is made here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from hub_config.arm_hosts.addresses import arm_environment
from hub_config.backup.seat_news import seat_news, utc_now
from hub_config.programs import exchange_url
from hub_config.settings import HubSettings, Secrets
from hub_config.spawner import QUEUE_SECONDS, START_SECONDS
from hub_config.wall.no_answer import no_answer_url

LOOPBACK = "127.0.0.1"
STAFF = frozenset({"instructors", "assistants"})
#: Scopes of those who look after the seats.
WHO_IS_IN = ("list:users", "read:users:activity", "read:servers")
#: What `workshop` itself does in the hub.
COMMANDS = (
    *("admin:users", "admin:servers", "tokens"),
    *("read:hub", "proxy", "shutdown"),
    *("access:services", "access:servers"),
)


def configure(c: Any, settings: HubSettings, secrets: Secrets) -> None:
    """Everything, in the order in which a request meets it."""
    configure_proxy(c, settings, secrets)
    configure_hub(c, settings, secrets)
    configure_login(c, settings, secrets)
    configure_seats(c, settings, secrets)
    configure_services(c, settings, secrets)
    configure_roles(c, settings)


def configure_proxy(c: Any, settings: HubSettings, secrets: Secrets) -> None:
    """The proxy runs beside the hub: a hub that restarts drops no connection."""
    scheme = "https" if settings.certificate else "http"
    c.JupyterHub.bind_url = f"{scheme}://{settings.bind}:{settings.ports.public}"
    if settings.certificate:
        c.JupyterHub.ssl_cert = str(settings.certificate)
        c.JupyterHub.ssl_key = str(settings.certificate_key)
    api = f"http://{LOOPBACK}:{settings.ports.proxy_api}"
    match settings.proxy:
        case "traefik":
            configure_traefik(c.TraefikFileProviderProxy, settings, secrets)
            c.JupyterHub.proxy_class = "hub_config.traefik.WorkshopTraefik"
            c.TraefikFileProviderProxy.traefik_api_url = api
            c.WorkshopTraefik.no_answer_page = no_answer_url(settings)
        case "node":
            c.JupyterHub.proxy_class = "jupyterhub.proxy.ConfigurableHTTPProxy"
            c.ConfigurableHTTPProxy.should_start = False
            c.ConfigurableHTTPProxy.api_url = api
            c.ConfigurableHTTPProxy.auth_token = secrets.proxy


def configure_traefik(traefik: Any, settings: HubSettings, secrets: Secrets) -> None:
    traefik.should_start = False
    traefik.dynamic_config_file = str(settings.state_home / "routes" / "routes.toml")
    traefik.traefik_entrypoint, traefik.traefik_api_entrypoint = "web", "api"
    traefik.traefik_api_username, traefik.traefik_api_password = "hub", secrets.proxy
    # The default, bcrypt, costs 0.8 s of CPU for every route. A quick hash is safe here
    # because the password is 256 random bits.
    digest = base64.b64encode(hashlib.sha1(secrets.proxy.encode()).digest())  # noqa: S324
    traefik.traefik_api_hashed_password = "{SHA}" + digest.decode()


def configure_hub(c: Any, settings: HubSettings, secrets: Secrets) -> None:
    folder = settings.hub_folder
    c.JupyterHub.hub_bind_url = f"http://{LOOPBACK}:{settings.ports.hub}"
    file = f"sqlite:///{folder / 'jupyterhub.sqlite'}"
    c.JupyterHub.db_url = settings.database.hub if settings.database else file
    c.JupyterHub.cookie_secret = bytes.fromhex(secrets.cookie)
    c.CryptKeeper.keys = [bytes.fromhex(secrets.crypt_key)]
    c.JupyterHub.template_paths = [str(Path(__file__).parent / "templates" / "hub")]
    news = seat_news(settings, utc_now)
    # JupyterHub calls every function here for each page; only some pages ask for news.
    c.JupyterHub.template_vars = {"workshop": settings.workshop, "seat_news": lambda _user: news}
    # Seats outlive the hub; the next hub adopts them.
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    c.JupyterHub.allow_named_servers = False
    # Our queue paces the starts; JupyterHub's limit would answer 429 instead.
    c.JupyterHub.concurrent_spawn_limit = 0
    # Whoever asks for all users must get all: JupyterHub cuts its answer at 200.
    c.JupyterHub.api_page_max_limit = 2000
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}
    c.JupyterHub.default_url = first_page


def first_page(handler: Any) -> str:
    """Attendees want their lab; staff choose on the hub's home what to look at."""
    user = handler.current_user
    if user is None:
        return str(handler.settings["login_url"])
    return "/hub/spawn" if STAFF.isdisjoint(group.name for group in user.groups) else "/hub/home"


def configure_login(c: Any, settings: HubSettings, secrets: Secrets) -> None:
    if settings.login is None:
        c.JupyterHub.authenticator_class = "hub_config.authenticator.SeatAuthenticator"
        c.SeatAuthenticator.seats_file = str(settings.seats_file)
        return
    # Any other JupyterHub Authenticator: it says who a person is, the roster who may enter.
    c.JupyterHub.authenticator_class = settings.login.class_name
    known = {*settings.attendees, *settings.assistants, *settings.instructors}
    c.Authenticator.allowed_users = known
    c.JupyterHub.load_groups = {
        "attendees": {"users": list(settings.attendees)},
        "assistants": {"users": list(settings.assistants)},
        "instructors": {"users": list(settings.instructors)},
    }
    section = c[settings.login.class_name.rpartition(".")[2]]
    for trait, value in settings.login.config.items():
        setattr(section, trait, value)


def configure_seats(c: Any, settings: HubSettings, secrets: Secrets) -> None:
    seat = settings.seat
    if settings.seats_socket or settings.seat_map:
        c.JupyterHub.spawner_class = "hub_config.fleet.host_spawner.HostSpawner"
        c.HostSpawner.hub_settings = settings
        # Whoever sits on a host that was given up shall hear it soon.
        c.Spawner.poll_interval = 10
    else:
        c.JupyterHub.spawner_class = "hub_config.spawner.SeatSpawner"
    c.Spawner.cmd = [str(settings.hub_python), "-m", "jupyterhub.singleuser"]
    c.Spawner.default_url = "/lab"
    c.Spawner.start_timeout = QUEUE_SECONDS + START_SECONDS
    c.Spawner.http_timeout = START_SECONDS
    c.Spawner.env_keep = ["LANG", "LC_ALL"]
    path = os.pathsep.join([str(settings.hub_python.parent), "/usr/local/bin", "/usr/bin", "/bin"])
    c.Spawner.environment = {
        "PYTHONPATH": str(settings.library),
        "PATH": path,
        "LANG": "C.UTF-8",
        **arm_environment(settings, secrets),
    }
    c.SeatSpawner.workshop = settings.workshop
    c.SeatSpawner.isolation = seat.isolation
    c.SeatSpawner.homes = str(settings.homes)
    c.SeatSpawner.read_only = [
        *(str(path) for path in seat.environments),
        str(settings.library),
        str(seat.config),
    ]
    c.SeatSpawner.jupyter_path = [str(path) for path in seat.jupyter_path]
    c.SeatSpawner.config_folder = str(seat.config)
    c.SeatSpawner.exchange_url = exchange_url(settings)
    c.SeatSpawner.memory_bytes = seat.memory_bytes
    c.SeatSpawner.cpus = seat.cpus
    c.SeatSpawner.processes = seat.processes
    c.SeatSpawner.slots = settings.starts_at_once


def configure_services(c: Any, settings: HubSettings, secrets: Secrets) -> None:
    """All run under our supervisor, so that a hub that dies leaves none of them behind."""
    ports = settings.ports
    c.JupyterHub.services = [
        {
            "name": "exchange",
            "url": f"http://{LOOPBACK}:{ports.exchange}",
            "api_token": secrets.exchange,
            "oauth_no_confirm": True,
            "display": False,
        },
        {
            "name": "formgrader",
            "url": f"http://{LOOPBACK}:{ports.formgrader}",
            "api_token": secrets.formgrader,
            "oauth_no_confirm": True,
        },
        {
            "name": "wall",
            "url": f"http://{LOOPBACK}:{ports.wall}",
            "api_token": secrets.wall,
            "oauth_no_confirm": True,
            "display": False,
        },
        {"name": "idle-culler", "api_token": secrets.culler},
        {"name": "workshop", "api_token": secrets.workshop},
    ]


def configure_roles(c: Any, settings: HubSettings) -> None:
    formgrader = "access:services!service=formgrader"
    exchange = "access:services!service=exchange"
    # Everybody may ask for help there; who may see the wall itself, the wall decides by group.
    wall = "access:services!service=wall"
    c.JupyterHub.load_roles = [
        _role("user", "self", exchange, wall),
        _role("server", "users:activity!user", "access:servers!server", exchange),
        {
            **_role("staff", formgrader, "list:services", "read:services!service=formgrader"),
            "groups": sorted(STAFF),
        },
        _of_service("formgrader", exchange, "read:users", "read:groups"),
        _of_service("exchange", "read:users", "read:groups"),
        _of_service("wall", *WHO_IS_IN),
        _of_service("idle-culler", *WHO_IS_IN, "delete:servers"),
        _of_service("workshop", *WHO_IS_IN, *COMMANDS),
    ]


def _role(name: str, *scopes: str) -> dict[str, Any]:
    return {"name": name, "scopes": list(scopes)}


def _of_service(name: str, *scopes: str) -> dict[str, Any]:
    """The role of the service with the same name."""
    return {**_role(name, *scopes), "services": [name]}


def _read(model: Any, path: Path) -> Any:
    return model.model_validate(json.loads(path.read_text()))


if "get_config" in globals():
    _settings = _read(HubSettings, Path(os.environ["WORKSHOP_HUB_SETTINGS"]))
    _secrets = _read(Secrets, _settings.secrets_file)
    configure(globals()["get_config"](), _settings, _secrets)
