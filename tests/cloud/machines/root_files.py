"""The file system below every namespace host: a small Debian with sshd, built once."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cloud.machines.cached_build import built_once
from tests.cloud.machines.commands import run

#: What the product may expect of a cloud image, and no more: a missing libgomp1 must be found.
PACKAGES = (
    "adduser",
    "ca-certificates",
    "iproute2",
    "iptables",
    "mount",
    "nftables",
    "openssh-server",
    "passwd",
    "procps",
    "python3",
    "sudo",
)
#: Manuals and translations cost a fifth of the build.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
#: Account, sudo rule and PATH are those of Canonical's images.
FINISH = r"""
set -eu
rm -f "$1"/etc/ssh/ssh_host_*
chroot "$1" useradd --create-home --shell /bin/bash --groups adm,sudo ubuntu
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' > "$1/etc/sudoers.d/90-cloud-init-users"
chmod 0440 "$1/etc/sudoers.d/90-cloud-init-users"
echo 'PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"' > "$1/etc/environment"
echo 'PasswordAuthentication no' > "$1/etc/ssh/sshd_config.d/60-cloudimg-settings.conf"
rm -f "$1/etc/resolv.conf" "$1/etc/machine-id"
install -m 0444 /dev/null "$1/etc/machine-id"
"""
GUEST = Path(__file__).parent / "guest"
#: Where each file of guest/ lies on a host.
STAND_INS = {
    "init.py": "usr/local/lib/machine/init.py",
    "first_boot.py": "usr/local/lib/machine/first_boot.py",
    "power": "usr/sbin/poweroff",
    "systemctl": "usr/bin/systemctl",
    "cloud-init": "usr/bin/cloud-init",
    "fstab": "etc/fstab",
}
POWER_NAMES = ("shutdown", "reboot", "halt")


def root_files() -> Path:
    """The folder with the Debian; the first call on a machine takes about half a minute."""
    recipe = "\n".join((*PACKAGES, *LEFT_OUT, FINISH))
    return built_once("rootfs", recipe, _build) / "root"


def _build(folder: Path) -> None:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    run(
        "mmdebstrap",
        "--variant=essential",
        "--format=directory",
        "--mode=root",
        "--dpkgopt=force-unsafe-io",
        *excluded,
        '--aptopt=Acquire::Languages "none"',
        f"--include={','.join(PACKAGES)}",
        f"--customize-hook={FINISH}",
        "bookworm",
        str(folder / "root"),
        seconds=900,
    )


def install_stand_ins(layer: Path) -> None:
    """Lay the stand-ins for systemd and cloud-init into `layer`, with the modes of a system."""
    for name, place in STAND_INS.items():
        target = layer / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(GUEST / name, target)
        target.chmod(0o644 if target.suffix == ".py" or name == "fstab" else 0o755)
    for name in POWER_NAMES:
        (layer / "usr/sbin" / name).symlink_to("poweroff")
    for folder in (layer, *layer.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
