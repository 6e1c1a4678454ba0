"""Process 1 of a namespace host: a stand-in for an init, small enough to run fifty of.

It says `entered` when its root is there, waits for `plugged` (the network is in), boots in a
child, and from then on only collects the dead and obeys the power button: SIGUSR2 is power
off, SIGINT is reboot (as in other small inits). When standard input ends, its owner is gone,
and so is the host. Exit status: 0 powered off, 10 reboot.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, "/usr/local/lib/machine")
import first_boot

REBOOT = 10
PLAN = Path("/var/lib/cloud/instance/boot.json")


def tell(event):
    os.write(EVENTS, f"{event}\n".encode())


def boot(plan):
    """What happens between power on and a finished cloud-init, in the order of a real one."""
    socket.sethostname(plan["hostname"])
    network = "link set lo up\nlink set eth0 addrgenmode none\nlink set eth0 up\n"
    network += "".join(f"address add {address} dev eth0\n" for address in plan["addresses"])
    subprocess.run(["ip", "-batch", "-"], input=network.encode(), check=True)
    for folder in ("/run/sshd", "/run/cloud-init", "/run/systemd/system"):
        Path(folder).mkdir(parents=True)
    first_boot.before_sshd(plan)
    subprocess.run(["systemctl", "start", "ssh"], check=True)
    tell("up")
    subprocess.run(["systemctl", "start-enabled"], check=False)
    first_boot.after_sshd(plan)


def in_child(work, *arguments):
    """Run `work` in a process of its own, so that process 1 never waits for anything."""
    if os.fork() == 0:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in OBEYED:
            signal.signal(number, signal.SIG_DFL)
        status = 1
        try:
            work(*arguments)
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)


def collect_the_dead():
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def orderly_end(status):
    """Connections are closed, and not merely silent, when a machine shuts down."""
    with contextlib.suppress(ProcessLookupError):  # nobody else is there
        os.kill(-1, signal.SIGCONT)
        os.kill(-1, signal.SIGTERM)
        time.sleep(0.1)
    os._exit(status)


# The ends of two pipes, kept away from every child.
LIFELINE = os.dup(0)
EVENTS = os.dup(1)
nothing = os.open("/dev/null", os.O_RDWR)
os.dup2(nothing, 0)
os.dup2(2, 1)

OBEYED = (signal.SIGUSR2, signal.SIGINT, signal.SIGCHLD)
woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
for obeyed in OBEYED:
    signal.signal(obeyed, lambda *_: None)  # the kernel drops what process 1 doesn't handle
os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
tell("entered")
if not os.read(LIFELINE, len("plugged\n")):
    os._exit(1)
in_child(boot, json.loads(PLAN.read_text()))
while True:
    readable, _, _ = select.select([LIFELINE, woken], [], [])
    if LIFELINE in readable:
        os._exit(1)
    numbers = os.read(woken, 512)
    if signal.SIGUSR2 in numbers:
        orderly_end(0)
    if signal.SIGINT in numbers:
        orderly_end(REBOOT)
    collect_the_dead()
