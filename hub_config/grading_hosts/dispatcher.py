"""The dispatcher on the hub's host: a program of the supervisor, with an account of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hub_config.grading_hosts.places import dispatcher_folder, dispatcher_settings, socket_of
from hub_config.install import Owner, ensure_tree, write_if_changed
from hub_config.program import Accounts, Program, program_environment
from hub_config.settings import HubSettings
from provisioning.errors import StepFailed

NAME = "dispatcher"


def dispatcher(settings: HubSettings, accounts: Accounts) -> Program:
    """Between the grader and the worker hosts; it starts itself in a jail."""
    python, told = str(settings.hub_python), _settings_file(settings.state_home)
    return Program(
        name=NAME,
        argv=(python, "-P", "-m", "grader.scheduling.jailed", str(told)),
        environment=program_environment(settings, {}),
        folder=settings.state_home,
        order=55,
        account=accounts.dispatcher,
    )


def ensure_dispatcher(settings: HubSettings, owner: Owner | None, grader: Owner | None) -> str:
    """Its folders, settings and key; returns its certificate (PEM).

    `owner` is its account, `grader` the one whose group may ask it; None as an ordinary user.
    """
    home = settings.state_home
    folder = dispatcher_folder(home)
    both = Owner(owner.uid, grader.gid) if owner and grader else None
    ensure_tree(folder, 0o700, owner)
    ensure_tree(socket_of(home).parent, 0o2770, both)
    file = _settings_file(home)
    write_if_changed(file, dispatcher_settings(settings))
    if owner:
        os.chown(file, owner.uid, owner.gid)
    return _certificate(settings, folder / "keys", owner)


def _certificate(settings: HubSettings, keys: Path, owner: Owner | None) -> str:
    """Made by the program's own code, under its account: the private half is nobody else's."""
    done = subprocess.run(
        [str(settings.hub_python), "-P", "-m", "grader.scheduling.keys", str(keys), NAME],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(settings.library)},
        user=owner.uid if owner else None,
        group=owner.gid if owner else None,
        extra_groups=[] if owner else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise StepFailed(
            f"the dispatcher's key could not be made: {done.stderr.strip()[-300:]}",
            next_step="workshop up again",
        )
    return done.stdout


def _settings_file(state_home: Path) -> Path:
    return dispatcher_folder(state_home) / "settings.json"
