"""What is on an Arm host: the service's code, its start script and its systemd unit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

UNIT: Final = "workshop-arm.service"
FOLDER: Final = "/opt/workshop/arm"
KEY: Final = "/etc/workshop/arm.key"
ACCOUNT: Final = "workshop-arm"
#: Shipped to the host like any other environment.
ENVIRONMENT: Final = "deploy"
PYTHON: Final = f"/opt/workshop/environments/{ENVIRONMENT}/bin/python"

# The key is read here, so that it is in no argument and in no unit that everybody may read.
_START: Final = f"""\
#!/bin/sh
# The Arm machine of the workshop. Started as root, goes on as {ACCOUNT}.
set -eu
WORKSHOP_ARM_KEY=$(cat {KEY})
PYTHONPATH={FOLDER}/code
export WORKSHOP_ARM_KEY PYTHONPATH
exec setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups \\
    {PYTHON} -P -m provisioning.arm.serve {PYTHON} "$1"
"""

#: In the folder with everything that was sent. A service that is as it was keeps its sessions.
INSTALL: Final = rf"""
set -eu
umask 022  # folders are for the service's account; each file says its own mode
[ -x {PYTHON} ] || {{
    echo "the environment {ENVIRONMENT} is not on this host: workshop env verify says why, if a" \
        "lab asks for an Arm; else name it under hosts: arm: environments:" >&2
    exit 1
}}
id {ACCOUNT} > /dev/null 2>&1 ||
    useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {ACCOUNT}
mkdir -p -m 755 /etc/workshop {FOLDER}
for file in $(cd put && find . -type f); do
    cmp -s "put/$file" "/$file" || {{
        mkdir -p -m 755 "$(dirname "/$file")"
        install -m "$(case $file in *.key) echo 600 ;; *) echo 755 ;; esac)" "put/$file" "/$file"
        touch {FOLDER}/.anew  # stays until the service was started with it
    }}
done
systemctl daemon-reload
systemctl enable {UNIT} > /dev/null 2>&1
[ ! -e {FOLDER}/.anew ] || systemctl stop {UNIT}
(cd / && systemctl start {UNIT})
rm -f {FOLDER}/.anew
for turn in $(seq 240); do
    {PYTHON} -c "$(cat knock.py)" $(cat port) && exit 0
    sleep 0.5
done
echo "the service does not answer: see journalctl -u {UNIT}" >&2
exit 1
"""
KNOCK: Final = """\
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2)
except OSError:
    sys.exit(1)
"""


def files_of(code: Mapping[str, bytes], secret: str, port: int) -> dict[str, bytes]:
    """Everything that is sent to an Arm host, by its name there; `put` is copied to /."""
    put = {f"{FOLDER}/code/{name}": content for name, content in code.items()}
    put |= {f"{FOLDER}/start": _START.encode(), KEY: f"{secret}\n".encode()}
    told = hashlib.sha256(b"".join(put.values())).hexdigest()[:16]
    put[f"/etc/systemd/system/{UNIT}"] = unit_text(port, told).encode()
    return {
        **{f"put{name}": content for name, content in put.items()},
        "knock.py": KNOCK.encode(),
        "port": f"{port}\n".encode(),
    }


def unit_text(port: int, version: str) -> str:
    """It differs when the service is to be started anew."""
    return f"""\
# version {version}
[Unit]
Description=Arm machine of a workshop, for TVM's RPC
After=network.target
[Service]
ExecStart={FOLDER}/start {port}
Restart=always
RestartSec=2
# Of all sessions together; the host stays reachable.
MemoryMax=80%
TasksMax=2048
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
[Install]
WantedBy=multi-user.target
"""


def service_code(library: Path) -> dict[str, bytes]:
    """The service needs no more of us than this, and no package."""
    found = sorted((library / "provisioning" / "arm").glob("*.py"))
    found += [library / "provisioning" / name for name in ("__init__.py", "errors.py")]
    return {str(path.relative_to(library)): path.read_bytes() for path in found}
