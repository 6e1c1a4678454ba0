"""Tells jupyter_client of our provisioner: an entry point, as an installed package has one.

    FOLDER/workshop_seat-1.dist-info/entry_points.txt

The folder is on the seat's PYTHONPATH, so every program there that starts kernels finds it:
JupyterLab, nbgrader's validation, a script in a terminal.
"""

from __future__ import annotations

from pathlib import Path

PROVISIONER = "workshop-seat"
#: The folder's name beside the sockets.
ENTRY = "python"
_ENTRY_POINTS = f"""\
[jupyter_client.kernel_provisioners]
{PROVISIONER} = hub_config.seat_host.provisioner:SeatProvisioner
"""
_METADATA = "Metadata-Version: 2.1\nName: workshop-seat\nVersion: 1\n"


def ensure_kernel_entry(folder: Path) -> None:
    """Make the folder that is put on PYTHONPATH."""
    described = folder / "workshop_seat-1.dist-info"
    described.mkdir(parents=True, exist_ok=True)
    for name, text in (("METADATA", _METADATA), ("entry_points.txt", _ENTRY_POINTS)):
        (described / name).write_text(text)
        (described / name).chmod(0o644)
    for path in (folder, described):
        path.chmod(0o755)
