"""The part of cloud-init that the product's user-data uses, done in cloud-init's order.

The plan is made by user_data.py outside of the host; see there for what each key means.
Modules that cloud-init runs once per instance are not repeated at a later boot.
"""

import base64
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

INSTANCE = Path("/var/lib/cloud/instance")
FINISHED = INSTANCE / "boot-finished"
RESULT = Path("/run/cloud-init/result.json")
OUTPUT = Path("/var/log/cloud-init-output.log")
HOST_KEYS = Path("/etc/ssh")


def before_sshd(plan):
    """Everything that a person who logs in must find."""
    run_script(plan["bootcmd"], "bootcmd")  # at every boot, as documented
    if FINISHED.exists():
        return
    for file in plan["write_files"]:
        if not file["defer"]:
            write_file(file)
    write_host_keys(plan["ssh_keys"])
    write_authorized_keys(plan["authorized_keys"])


def after_sshd(plan):
    """cloud-init's final stage; `cloud-init status --wait` ends with it."""
    errors = []
    if not FINISHED.exists():
        for file in plan["write_files"]:
            if file["defer"]:
                write_file(file)
        if run_script(plan["runcmd"], "runcmd") != 0:
            errors.append("('scripts_user', RuntimeError('Runparts: 1 failures (runcmd)'))")
        FINISHED.touch()
    unfinished = RESULT.with_suffix(".new")
    unfinished.write_text(json.dumps({"v1": {"datasource": "ec2", "errors": errors}}))
    unfinished.rename(RESULT)


def write_file(wanted):
    path = Path(wanted["path"])
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with path.open("ab" if wanted["append"] else "wb") as file:
        file.write(base64.b64decode(wanted["content"]))
    path.chmod(wanted["mode"])
    user, _, group = wanted["owner"].partition(":")
    shutil.chown(path, user, group or None)


def write_host_keys(keys):
    """The keys of the user-data and no others; without any, one is made here."""
    for old in HOST_KEYS.glob("ssh_host_*key*"):
        old.unlink()
    for name, text in keys.items():
        kind, half = name.split("_")
        path = HOST_KEYS / f"ssh_host_{kind}_key{'.pub' if half == 'public' else ''}"
        path.touch(mode=0o644 if half == "public" else 0o600)
        path.write_text(text.rstrip("\n") + "\n")
    if not keys:
        made = HOST_KEYS / "ssh_host_ed25519_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made], check=True)
    print("-----BEGIN SSH HOST KEY KEYS-----", file=sys.stderr)
    for public in sorted(HOST_KEYS.glob("ssh_host_*key.pub")):
        print(public.read_text().strip(), file=sys.stderr)
    print("-----END SSH HOST KEY KEYS-----", file=sys.stderr, flush=True)


def write_authorized_keys(keys):
    account = pwd.getpwnam("ubuntu")
    folder = Path(account.pw_dir, ".ssh")
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "authorized_keys"
    file.touch(mode=0o600)
    file.write_text("".join(f"{key}\n" for key in keys))
    for path in (folder, file):
        os.chown(path, account.pw_uid, account.pw_gid)


def run_script(script, name):
    """Run a shell script as root; its output goes to cloud-init's log and the console."""
    if not script:
        return 0
    path = INSTANCE / "scripts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o700)
    OUTPUT.touch(mode=0o640)
    with OUTPUT.open("ab") as log:
        done = subprocess.Popen([path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in done.stdout:
            log.write(line)
            log.flush()
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
    return done.wait()
