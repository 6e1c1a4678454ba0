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
    #: The Arm machine's file system, when a lab asks for such a machine.
    arm_root: Path | None = None
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
