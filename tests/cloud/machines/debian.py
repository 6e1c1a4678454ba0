"""The Debian below every machine of the tests, built once: small, with sshd and cloud-init."""

from __future__ import annotations

from pathlib import Path

from tests.cloud.machines.cached_build import built_once
from tests.cloud.machines.commands import run

#: What the product may expect of a cloud image, and no more: a missing libgomp1 must be found.
PACKAGES = (
    "adduser",
    # Three that `up` would install with apt-get: the tests' hosts reach no package mirror.
    "bubblewrap",
    "ca-certificates",
    "cloud-init",
    "dbus",
    "iproute2",
    "iptables",
    "kmod",
    "linux-image-cloud-amd64",
    "mount",
    "netbase",
    "nftables",
    "openssh-client",
    "openssh-server",
    "passwd",
    "procps",
    "python3",
    "rsync",
    "sudo",
    "systemd-sysv",
    "udev",
)
#: Manuals and translations cost a fifth of the build.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
#: Files of the image: what Canonical's images have, and what the machines under qemu need.
IMAGE = Path(__file__).parent / "image"
#: Units that cost an emulated boot seconds and that nothing here needs.
MASKED = (
    "cloud-init-hotplugd.socket",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "getty@tty1.service",
    "kmod-static-nodes.service",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-repart.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
)
FINISH = f"""
set -eu
cp -r {IMAGE}/. "$1"
chmod -R u=rwX,go=rX "$1"/etc/cloud "$1"/etc/systemd "$1"/etc/initramfs-tools "$1"/etc/ssh
chmod 0440 "$1"/etc/sudoers.d/*
for unit in {" ".join(MASKED)}; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done
chroot "$1" systemctl --quiet enable addresses.service say-up.service
chroot "$1" useradd --uid 39999 --create-home --shell /bin/bash --groups adm,sudo ubuntu
chroot "$1" update-initramfs -u -k all
rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/resolv.conf" "$1/etc/hostname"
: > "$1/etc/machine-id"
"""


def debian() -> Path:
    """The root folder; the first call on a computer takes about a minute."""
    image = (f"{file.relative_to(IMAGE)}\n{file.read_text()}" for file in files_below(IMAGE))
    recipe = "\n".join((*PACKAGES, *LEFT_OUT, *MASKED, FINISH, *image))
    return built_once("debian", recipe, _build) / "root"


def files_below(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


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
        seconds=1200,
    )
