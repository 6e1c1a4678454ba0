"""Runs inside a seat and tries what it is told; prints one JSON object of outcomes.

attacker.py '{"connect": [["127.0.0.1", 80]], "read": ["/etc/shadow"], "pid": 7, "uid": 61000}'
"""

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path


def tried(attempt):
    """What came of it: a value, or the name of the refusal."""
    try:
        return attempt()
    except Exception as error:
        return f"refused: {type(error).__name__}"


def connect(address, port):
    # A refusal comes at once.
    with socket.create_connection((address, port), timeout=30) as link:
        return link.recv(64).decode()


def connect_unix(path):
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    return "reached"


def names(path):
    return sorted(each.name for each in Path(path).iterdir())


def look(path):
    if Path(path).is_dir():
        return names(path)
    return Path(path).read_bytes()[:64].decode(errors="replace")


def write(path):
    with Path(path).open("a") as stream:
        stream.write("x")
    return "written"


def end(pid):
    os.kill(pid, signal.SIGKILL)
    return "killed"


def become(uid):
    os.setuid(uid)
    return "became"


def run(*command):
    status = os.spawnvp(os.P_WAIT, command[0], list(command))
    return "done" if status == 0 else f"refused: {status}"


def new_namespace():
    """A user namespace makes its maker root in there, not here."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x10000000 | 0x00020000) != 0:
        return "refused: unshare"
    return [tried(lambda: look("/proc/1/root/etc/shadow")), tried(lambda: become(0))]


def ask_kernel(path):
    """A kernel of another's: the request has no field for whose it shall be."""
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    link.sendall(b"/no/such/python\n{}")
    link.shutdown(socket.SHUT_WR)
    return link.recv(4096).decode()


def main():
    todo = json.loads(sys.argv[1])
    done = {
        "connect": {f"{a}:{p}": tried(lambda a=a, p=p: connect(a, p)) for a, p in todo["connect"]},
        "unix": {path: tried(lambda path=path: connect_unix(path)) for path in todo["unix"]},
        "look": {path: tried(lambda path=path: look(path)) for path in todo["look"]},
        "write": {path: tried(lambda path=path: write(path)) for path in todo["write"]},
        "processes": sorted(int(each) for each in names("/proc") if each.isdigit()),
        "kill": {str(pid): tried(lambda pid=pid: end(pid)) for pid in todo["kill"]},
        "become": {str(uid): tried(lambda uid=uid: become(uid)) for uid in todo["become"]},
        "mount": tried(lambda: run("mount", "-t", "tmpfs", "x", "/tmp")),
        "setuid": tried(lambda: look("/etc/shadow")),
        "sudo": tried(lambda: run("su", "-c", "true")),
        "kernels": tried(lambda: ask_kernel("/run/workshop/kernels.sock")),
        "open": names("/proc/self/fd"),
        "names": Path("/etc/passwd").read_text(),
        "namespace": tried(new_namespace),
    }
    # A port of one's own, for whoever looks whether it can be reached; then stay.
    own = socket.create_server(("127.0.0.1", int(todo["listen"])))
    print(json.dumps(done), flush=True)
    while True:
        link, _ = own.accept()
        link.sendall(b"reached")
        link.close()


main()
