"""What `check` and `up` do for a workshop whose file names a database; nothing for the others."""

from __future__ import annotations

from pathlib import Path

from hub_config.database.address import DatabaseAddress, parse_address, schema_names
from hub_config.database.server import Desk, ensure_password_file
from hub_config.install import Owner
from hub_config.settings import DatabaseSettings, HubSettings
from hub_config.spec import WorkshopSpec
from provisioning.findings import Finding
from provisioning.paths import StatePaths


def look_at_database(spec: WorkshopSpec, paths: StatePaths, *, up: bool) -> tuple[Finding, ...]:
    """What the server says, and whether it is too late to choose another one.

    With hosts the hub's own host asks it, by this function: the file there has no hosts.
    """
    if spec.hosts is not None:
        return ()
    if up and _known(paths) != (spec.hub.database or ""):
        what = "the workshop is up, and `hub.database` is another one now: its seats would be lost"
        return (Finding("stop", what, "put it back, or run `workshop down` first"),)
    if spec.hub.database is None:
        return ()
    return _desk(spec, parse_address(spec.hub.database), paths).look()


def ensure_database(
    spec: WorkshopSpec, paths: StatePaths, grader: Owner | None
) -> DatabaseSettings | None:
    """The schemas on the server, and the password where the hub and the grader read it.

    `grader` is who owns the course folder. NotPossibleHere with what must change first.
    """
    kept = _kept(paths)
    if spec.hub.database is None:
        # The grader's stays: it may still have to carry the gradebook back.
        kept.unlink(missing_ok=True)
        return None
    address = parse_address(spec.hub.database)
    password = _desk(spec, address, paths).ensure()
    hub, gradebook = schema_names(spec.name)
    its = paths.course / ".pgpass"
    ensure_password_file(kept, address, password)
    ensure_password_file(its, address, password, grader)
    return DatabaseSettings(
        address=spec.hub.database,
        hub=address.url(hub, kept if password else None),
        gradebook=address.url(gradebook, its if password else None),
    )


def _desk(spec: WorkshopSpec, address: DatabaseAddress, paths: StatePaths) -> Desk:
    return Desk(spec.name, address, _kept(paths), spec.hub.database_password)


def _kept(paths: StatePaths) -> Path:
    return paths.hub / "pgpass"


def _known(paths: StatePaths) -> str:
    """The database of the workshop that is up; "" for files."""
    file = paths.hub / "settings.json"
    if not file.is_file():
        return ""
    settings = HubSettings.model_validate_json(file.read_text())
    return settings.database.address if settings.database else ""
