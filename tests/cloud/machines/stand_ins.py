"""What lies over the Debian of a namespace host, in place of a kernel's and an init's work."""

from __future__ import annotations

import shutil
from pathlib import Path

GUEST = Path(__file__).parent / "guest"
#: Where each file of guest/ lies on a host.
PLACES = {
    "init.py": "usr/local/lib/machine/init.py",
    "first_boot.py": "usr/local/lib/machine/first_boot.py",
    "power": "usr/sbin/poweroff",
    "systemctl": "usr/bin/systemctl",
    "cloud-init": "usr/bin/cloud-init",
    "fstab": "etc/fstab",
}
POWER_NAMES = ("shutdown", "reboot", "halt")
#: The program that enters the namespaces; it runs before the host's root is there.
ENTER = GUEST / "enter.sh"


def install_stand_ins(layer: Path) -> None:
    """Lay them into `layer`, with the modes of a system, whatever those of a checkout are."""
    for name, place in PLACES.items():
        target = layer / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GUEST / name, target)
        target.chmod(0o644 if target.suffix == ".py" or name == "fstab" else 0o755)
    for name in POWER_NAMES:
        (layer / "usr/sbin" / name).symlink_to("poweroff")
    for folder in (layer, *layer.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
