"""Every file of the hub as text: pure, so that a test can read what an installation would get."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_config.exchange.config import ArchiveLimits, ServiceConfig
from hub_config.exchange.nbgrader_settings import nbgrader_lines
from hub_config.fleet.fleet_programs import service_file
from hub_config.fleet.links import seat_reach
from hub_config.program import Program
from hub_config.seat_host.settings import host_settings
from hub_config.settings import HubSettings, Secrets
from hub_config.spec import SubmissionsSpec
from hub_config.wall.files import HELP_MENU, labextensions, wall_files
from hub_config.wall.labextension import labextension

#: JupyterLab parts that only staff may see, and parts that would ask the internet.
STAFF_ONLY = ("formgrader", "course-list", "create-assignment")
PHONES_HOME = (
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/extensionmanager-extension",
)

#: JupyterLab parts whose servers are not there (see below): they would ask in vain.
UNSERVED_LAB_PARTS = (
    "@jupyter-notebook/lab-extension",
    "@jupyterlab/fileeditor-extension:language-server",
    "@jupyterlab/lsp-extension",
    "@jupyterlab/notebook-extension:language-server",
    "jupyterlab-jupytext",
)

#: Server parts that a class doesn't use and every seat would pay for.
UNUSED_SERVER_PARTS = ("jupyter_lsp", "jupyterlab_jupytext", "notebook", "notebook_shim")


@dataclass(frozen=True)
class RenderedFile:
    text: str
    mode: int = 0o644


Files = dict[Path, RenderedFile]


def render(settings: HubSettings, secrets: Secrets, programs: tuple[Program, ...]) -> Files:
    """{path: text} for everything below the state folder that is not data."""
    return {
        # Before the settings: whoever finds those, `down` after a killed `up`, needs these too.
        settings.secrets_file: RenderedFile(_pretty(secrets.model_dump(mode="json")), 0o600),
        settings.hub_folder / "settings.json": RenderedFile(
            _pretty(settings.model_dump(mode="json"))
        ),
        settings.hub_folder / "supervisord.conf": RenderedFile(
            supervisord(settings, programs), 0o600
        ),
        settings.state_home / "traefik.yaml": RenderedFile(_pretty(traefik(settings)), 0o644),
        **seat_configuration(settings),
        **seat_service_configuration(settings),
        **formgrader_configuration(settings),
        **_files(wall_files(settings)),
    }


def _files(texts: dict[Path, str]) -> Files:
    return {path: RenderedFile(text) for path, text in texts.items()}


def traefik(settings: HubSettings) -> dict[str, Any]:
    """traefik's own file (JSON is YAML); routes come from the hub. See docs/decisions/proxy.md."""
    characters = ("Slash", "BackSlash", "NullCharacter", "Semicolon", "Percent", "QuestionMark")
    http: dict[str, Any] = {
        "aliasHeadersStrategy": "delete",
        # Names of files and kernels travel encoded; the servers behind judge them.
        "encodedCharacters": {f"allowEncoded{each}": True for each in (*characters, "Hash")},
    }
    if settings.certificate:
        http["tls"] = {}
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "api": {},
        "log": {"level": "ERROR", "noColor": True},
        "providers": {
            "providersThrottleDuration": "0s",
            "file": {
                "filename": str(settings.state_home / "routes" / "routes.toml"),
                "watch": True,
            },
        },
        "entryPoints": {
            "web": {
                "address": f"{_host(settings.bind)}:{settings.ports.public}",
                "http": http,
                # The default cuts an upload that takes more than a minute.
                "transport": {"respondingTimeouts": {"readTimeout": "0s"}},
            },
            "api": {"address": f"127.0.0.1:{settings.ports.proxy_api}"},
        },
    }


def _host(bind: str) -> str:
    return f"[{bind}]" if ":" in bind else bind


def exchange_configuration(settings: HubSettings, submissions: SubmissionsSpec) -> Files:
    """The submission service's file."""
    config = ServiceConfig(
        course=settings.course,
        port=settings.ports.exchange,
        store=settings.state_home / "exchange",
        reports=settings.state_home / "reports",
        submissions=ArchiveLimits(
            max_megabytes=submissions.max_megabytes,
            max_files=submissions.max_files,
            max_unpacked_megabytes=5 * submissions.max_megabytes,
        ),
        instructor_groups=frozenset({"instructors", "assistants"}),
        instructor_services=frozenset({"formgrader"}),
    )
    told = config.model_dump(mode="json")
    # Sets have no order of their own, and a file that differs restarts a program.
    for key in ("instructor_groups", "instructor_services"):
        told[key] = sorted(told[key])
    return {
        settings.state_home / "exchange.json": RenderedFile(_pretty(told)),
    }


def seat_configuration(settings: HubSettings) -> Files:
    """How JupyterLab and nbgrader look from a seat, on whatever host that is."""
    folder = settings.seat.config
    return {
        folder / "jupyter_server_config.json": RenderedFile(_pretty(_seat_server(settings))),
        folder / "nbgrader_config.py": RenderedFile(_seat_nbgrader(settings)),
        folder / "labconfig" / "page_config.json": RenderedFile(_pretty(_seat_page())),
        folder / "labconfig" / "default_setting_overrides.json": RenderedFile(
            _pretty(_seat_settings())
        ),
        **_files(labextension(labextensions(settings))),
    }


def seat_service_configuration(settings: HubSettings) -> Files:
    """What the service that runs this host's seats is told; nothing where the hub runs them."""
    if settings.seats_socket is None:
        return {}
    # On a host of a fleet seats reach what they need and no more; here the network is the
    # machine's own.
    reach = seat_reach(settings) if settings.seat_map else None
    told = host_settings(settings, settings.seats_socket, reach)
    return {service_file(settings): RenderedFile(told.text(), 0o600)}


def formgrader_configuration(settings: HubSettings) -> Files:
    """The formgrader's server; nbgrader's own settings are in the course folder."""
    folder = settings.state_home / "formgrader-config"
    # JupyterHub forbids frames; the formgrader shows submissions in one of its own.
    headers = {"Content-Security-Policy": "frame-ancestors 'self'"}
    server = {
        "ServerApp": {
            "jpserver_extensions": {
                "nbgrader.server_extensions.formgrader": True,
                "nbgrader.server_extensions.validate_assignment": True,
                "nbgrader.server_extensions.assignment_list": False,
                "nbgrader.server_extensions.course_list": False,
                **dict.fromkeys(UNUSED_SERVER_PARTS, False),
            },
            "tornado_settings": {"headers": headers},
        },
        "ConnectionFileMixin": {"transport": "ipc"},
        # A seat that is reissued is out within seconds, not after JupyterHub's five minutes.
        "HubOAuth": {"cache_max_age": 5},
    }
    return {
        folder / "jupyter_server_config.json": RenderedFile(_pretty(server)),
        folder / "labconfig" / "page_config.json": RenderedFile(
            _pretty({"disabledExtensions": dict.fromkeys(PHONES_HOME, True)})
        ),
    }


def supervisord(settings: HubSettings, programs: tuple[Program, ...]) -> str:
    """supervisord's configuration; it restarts what dies. Holds tokens: 0600."""
    run, logs = settings.state_home / "run", settings.state_home / "logs"
    head = f"""\
[unix_http_server]
file={run / "supervisor.sock"}
chmod=0700

[supervisord]
logfile={logs / "supervisord.log"}
pidfile={run / "supervisord.pid"}
childlogdir={logs}
nodaemon=false
minfds={settings.open_files}
silent=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{run / "supervisor.sock"}
"""
    return head + "".join(_program(program, logs) for program in programs)


def _program(program: Program, logs: Path) -> str:
    # A program must not outlive supervisord (kill -9 included): that would leave
    # processes that nobody watches. Seats are in sessions of their own and do.
    command = " ".join(_quoted(part) for part in ("setpriv", "--pdeathsig", "KILL", *program.argv))
    environment = ",".join(f"{key}={_bare(value)}" for key, value in program.environment)
    lines = [
        f"\n[program:{program.name}]",
        f"command={command}",
        f"environment={environment}",
        f"directory={program.folder}",
        f"priority={program.order}",
        "autorestart=true",
        "startsecs=1",
        "startretries=20",
        "stopwaitsecs=15",
        f"stopasgroup={str(program.ends_children).lower()}",
        f"killasgroup={str(program.ends_children).lower()}",
        "redirect_stderr=true",
        f"stdout_logfile={logs / (program.name + '.log')}",
        "stdout_logfile_maxbytes=20MB",
        "stdout_logfile_backups=2",
        *([f"user={program.account}"] if program.account else []),
    ]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    # supervisord expands %(name)s and splits like a shell.
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _bare(value: str) -> str:
    """A value of `environment=`, where supervisord knows quotes but no escapes in them."""
    quote = "'" if '"' in value else '"'
    if quote in value or "\n" in value:
        raise ValueError(f"supervisord has no way to write {value!r}")
    return f"{quote}{value.replace('%', '%%')}{quote}"


def _seat_server(settings: HubSettings) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {
                "nbgrader.server_extensions.formgrader": False,
                "nbgrader.server_extensions.course_list": False,
                "nbgrader.server_extensions.assignment_list": True,
                "nbgrader.server_extensions.validate_assignment": True,
                **dict.fromkeys(UNUSED_SERVER_PARTS, False),
            }
        },
        "LabApp": {"extra_labextensions_path": [str(labextensions(settings))]},
        # Sockets in the jail's private /tmp: no seat can reach another's kernels.
        "ConnectionFileMixin": {"transport": "ipc"},
        "KernelSpecManager": {
            "allowed_kernelspecs": list(settings.seat.kernels),
            "ensure_native_kernel": False,
        },
        "MultiKernelManager": {"default_kernel_name": settings.seat.kernels[0]},
    }


def _seat_nbgrader(settings: HubSettings) -> str:
    return f"""\
import os

c = get_config()
c.CourseDirectory.student_id = os.environ.get("JUPYTERHUB_USER", "")
c.CourseDirectory.root = os.environ["HOME"]
c.ExecutePreprocessor.timeout = 120
c.KernelManager.transport = "ipc"
{nbgrader_lines(settings.course)}"""


def _seat_page() -> dict[str, Any]:
    hidden = {f"@jupyter/nbgrader:{part}": True for part in STAFF_ONLY}
    unwanted = (*PHONES_HOME, *UNSERVED_LAB_PARTS)
    return {"disabledExtensions": hidden | dict.fromkeys(unwanted, True)}


def _seat_settings() -> dict[str, Any]:
    """A menu of JupyterLab with the way to the feedback on what was submitted last."""
    to_feedback = {
        "text": "Feedback on My Last Submission",
        "url": "/services/exchange/feedback/newest",
        "newBrowserTab": True,
    }
    to_all = {
        "text": "All My Submissions",
        "url": "/services/exchange/feedback/",
        "newBrowserTab": True,
    }
    menu = {
        "id": "jp-mainmenu-feedback",
        "label": "Feedback",
        "rank": 90,
        "items": [{"command": "help:open", "args": args} for args in (to_feedback, to_all)],
    }
    return {"@jupyterlab/mainmenu-extension:plugin": {"menus": [menu, HELP_MENU]}}


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
