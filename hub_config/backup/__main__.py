"""What the hub's host does with copies of homes; run by the supervisor and by commands.

    python -m hub_config.backup run SETTINGS             the program, until it is ended
    python -m hub_config.backup once SETTINGS [HOST]     every home, now
    python -m hub_config.backup archive SETTINGS         newest copies -> archive/homes-.../
    python -m hub_config.backup restore SETTINGS [HOST]  homes that belong on a host, if missing

Each but `run` ends with one line of JSON; status 1 and `problem`, `next_step` when it failed.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub_config.backup.archives import archive_copies
from hub_config.backup.desk import BackupDesk
from hub_config.backup.errors import CopyFailed
from hub_config.backup.program import Backup, copy_all
from hub_config.backup.returning import bring_all
from provisioning.errors import WorkshopError

_USAGE = "usage: python -m hub_config.backup run|once|archive|restore SETTINGS [HOST]"


def main(words: list[str]) -> int:
    verb, settings_file, *host = words
    if verb == "run":
        Backup(Path(settings_file)).run()
    try:
        said, status = _do(verb, BackupDesk.open(Path(settings_file)), *host), 0
    except WorkshopError as error:
        said, status = {"problem": error.message, "next_step": error.next_step}, 1
    sys.stdout.write(json.dumps(said) + "\n")
    return status


def _do(verb: str, desk: BackupDesk, host: str = "") -> dict[str, Any]:
    match verb:
        case "once":
            return _once(desk, host)
        case "archive":
            state = desk.settings.state_home
            folder = archive_copies(state / "backups", state / "archive", datetime.now(UTC))
            return {"archive": str(folder) if folder else None}
        case "restore":
            return {"restored": bring_all(desk, host)}
    raise CopyFailed(f"found {verb}", next_step=_USAGE)


def _once(desk: BackupDesk, host: str) -> dict[str, Any]:
    seats = tuple(seat for seat in desk.away if host in ("", seat.host))
    problems = copy_all(desk, seats)
    if problems:
        first = next(iter(problems.values()))
        raise CopyFailed(
            f"{len(problems)} of {len(seats)} homes were not copied "
            f"({', '.join(sorted(problems))}): {first}. Their last copies are kept"
        )
    return {"copied": len(seats)}


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(_USAGE)
    sys.exit(main(sys.argv[1:]))
