"""What is on a host that grades: an account, a key of its own, settings and a systemd unit."""

from __future__ import annotations

import hashlib
from typing import Final

from hub_config.grading_hosts.places import WORKER_FOLDER, WORKER_SETTINGS
from hub_config.settings import HubSettings

UNIT: Final = "workshop-grading.service"
ACCOUNT: Final = "workshop-grading"

# Runs in the folder with what was sent: settings.json, believed.pem and the unit. Says the
# worker's certificate, then how many submissions it runs at once: a core stays with the seats.
_INSTALL: Final = r"""
set -eu
umask 022
id $account > /dev/null 2>&1 ||
    useradd --system --user-group --no-create-home --shell /usr/sbin/nologin $account
mkdir -p -m 755 "$(dirname "$settings")"
mkdir -p -m 700 "$folder" "$folder/keys"
chown -R $account:$account "$folder/keys"
chown $account:$account "$folder"
as_worker() { setpriv --reuid=$account --regid=$account --clear-groups "$@"; }
as_worker env PYTHONPATH="$library" "$python" -P -m grader.scheduling.keys "$folder/keys" "$name" \
    > certificate.pem
slots=$(nproc)
[ "$slots" -lt 2 ] || slots=$((slots - 1))
sed -i "s/\"slots\": 1,/\"slots\": $slots,/" settings.json
put() {
    cmp -s "$1" "$2" || { install -o "$3" -g "$3" -m "$4" "$1" "$2"; touch "$folder/anew"; }
}
put settings.json "$settings" root 644
put believed.pem "$folder/keys/believed.pem" $account 644
put unit "/etc/systemd/system/$unit" root 644
systemctl daemon-reload
systemctl enable "$unit" > /dev/null 2>&1
[ ! -e "$folder/anew" ] || systemctl stop "$unit"
(cd / && systemctl start "$unit")
rm -f "$folder/anew"
cat certificate.pem
echo "slots $slots"
"""


def install_script(settings: HubSettings, name: str) -> str:
    """For root on the host that the hub calls `name`."""
    facts = {
        "account": ACCOUNT,
        "settings": WORKER_SETTINGS,
        "folder": WORKER_FOLDER,
        "library": settings.library,
        "python": settings.hub_python,
        "name": name,
        "unit": UNIT,
    }
    return "".join(f"{key}='{value}'\n" for key, value in facts.items()) + _INSTALL


def unit_text(settings: HubSettings, told: str) -> str:
    """`told`: the worker's settings; the unit differs when they do.

    The worker is no part of a seat and comes after all of them. Its account owns nothing else,
    because whoever takes over the dispatcher can run code in the worker.
    """
    version = hashlib.sha256(told.encode()).hexdigest()[:16]
    return f"""\
# Told by {WORKER_SETTINGS}, version {version}
[Unit]
Description=Grading for the workshop {settings.workshop}
After=network.target
[Service]
ExecStart=/usr/bin/setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups \
/usr/bin/nice -n 10 /usr/bin/env PYTHONPATH={settings.library} HOME={WORKER_FOLDER} \
{settings.hub_python} -P -m grader.scheduling.worker {WORKER_SETTINGS}
Restart=always
RestartSec=2
LimitNOFILE=65536
[Install]
WantedBy=multi-user.target
"""
