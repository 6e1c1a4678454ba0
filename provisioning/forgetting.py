"""What this computer forgets of a fleet once nothing of it is left in the cloud."""

from __future__ import annotations

from provisioning.fleet_state import FleetState
from provisioning.folders import sync_folder

_KEPT = "journal.jsonl"


def forget_secrets(state: FleetState) -> None:
    """Remove the private key, the host keys and the id of a fleet that has ended.

    The journal stays: it holds no secret and tells what happened. Everything else goes, also
    what a crash left half-written. May be repeated.
    """
    if not state.folder.is_dir():
        return
    for path in sorted(state.folder.iterdir()):
        if path.name != _KEPT and not path.is_dir():
            path.unlink(missing_ok=True)
    sync_folder(state.folder)
