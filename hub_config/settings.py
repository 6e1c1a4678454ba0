"""What the hub's processes are told: written by `render`, read by `jupyterhub_config.py`.

Secrets are in a file of their own (0600), so that this one can be shown to anybody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class _Settings(BaseModel):
    """Written by one version, perhaps read by the next: `down` must understand what an older
    `up` wrote. So a new field gets a default, and an unknown one is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Ports(_Settings):
    """Loopback ports between our own processes; only `public` is for people."""

    public: int
    hub: int
    proxy_api: int
    exchange: int
    formgrader: int
    arm: int = 0
    wall: int = 0


class SeatSettings(_Settings):
    """What every seat gets."""

    isolation: Literal["accounts", "jail"]
    memory_bytes: int
    cpus: float
    processes: int
    environments: tuple[Path, ...]
    kernels: tuple[str, ...]
    jupyter_path: tuple[Path, ...]
    config: Path
    #: `whole`: a GPU for every seat. `shared`: seats see the same GPU and have to get along.
    gpu: Literal["whole", "shared"] = "whole"


class SeatHostSettings(_Settings):
    """A host that runs seats, and how the hub's host logs in to it.

    `host_key` is a line such as "ssh-ed25519 AAAA...". Memory 0 means that it isn't known.
    Paths in `SeatSettings`, the library and the homes are the same there as on the hub's host.
    """

    name: str
    address: str
    port: int = 22
    user: str = "root"
    host_key: str
    role: Literal["hub", "gpu", "arm"] = "gpu"
    gpus: int = 0
    memory_bytes: int = 0
    spare: bool = False


class DatabaseSettings(_Settings):
    """Where the tables are when a PostgreSQL server has them. No address has a password: the
    two for SQLAlchemy name files that do (libpq's `passfile`)."""

    address: str
    hub: str
    gradebook: str


class BackupSettings(_Settings):
    """How often homes are copied to the hub's host, and how much of each at most."""

    minutes: float = 5.0
    home_bytes: int = 2 * 2**30


class Login(_Settings):
    """Another JupyterHub Authenticator than ours, with its traits."""

    class_name: str
    config: dict[str, Any]


class HubSettings(_Settings):
    workshop: str
    course: str
    bind: str
    address: str
    proxy: Literal["traefik", "node"] = "traefik"
    ports: Ports
    state_home: Path
    hub_folder: Path
    homes: Path
    library: Path
    seats_file: Path
    secrets_file: Path
    hub_python: Path
    certificate: Path | None
    certificate_key: Path | None
    seat: SeatSettings
    starts_at_once: int
    open_files: int = 4096
    idle_minutes: int
    grade_on_submit: bool = False
    #: Sealed runs are done on the hosts with seats; see hub_config.grading_hosts.
    grade_on_hosts: bool = False
    #: The Arm machine's file system, when a lab asks for such a machine.
    arm_root: Path | None = None
    #: Hosts that run seats; none: all seats are on the hub's own host.
    seat_hosts: tuple[SeatHostSettings, ...] = ()
    #: Who sits where; only with seat hosts. See hub_config/fleet/placement.py.
    seat_map: Path | None = None
    #: Folder of the links' configurations and keys; only with seat hosts.
    links: Path | None = None
    #: Where the service that runs this host's seats listens; None: the hub starts them itself.
    seats_socket: Path | None = None
    #: supervisord is a unit of systemd's, which starts it at each boot, too.
    as_unit: bool = False
    #: None: the hub's tables and the gradebook are sqlite files.
    database: DatabaseSettings | None = None
    #: How much longer staff may let the hosts live from the wall; 0: not at all, or nothing ends.
    extend_minutes: int = 0
    #: Only where seats are on other hosts; see hub_config/backup.
    backup: BackupSettings = BackupSettings()
    login: Login | None
    instructors: tuple[str, ...]
    assistants: tuple[str, ...]
    attendees: tuple[str, ...]


class Secrets(_Settings):
    """Made once per workshop; never in argv, logs or the settings file."""

    cookie: str
    crypt_key: str
    proxy: str
    exchange: str
    formgrader: str
    culler: str
    workshop: str
    arm: str = ""
    wall: str = ""
