"""Code that attacks the grader earns nothing and reaches nothing."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

#: Where an attack would like to get to: every string is looked for in what it prints.
SECRETS = ("canary-text-of-hidden-test", "grace@example.org", "a-secret-token", "secret of grace")

LOOK_AROUND = """
import os, sys
found = []
for top in (os.sep, {course!r}, {home!r}):
    for place, folders, files in os.walk(top):
        if place.startswith(("/proc", "/sys", "/usr", "/dev", sys.prefix)):
            folders[:] = []
            continue
        for name in files:
            path = os.path.join(place, name)
            try:
                data = open(path, "rb").read(100_000_000)
            except OSError:
                continue
            for secret in ({secrets}):
                if secret.encode() in data:
                    found.append((path, secret))
print("FOUND", found, [name for name in os.environ.values() if "a-secret" in name])
"""


def attack(released, answers, code: str):
    """Submit an attack as the first solution, and grade it beside an honest submission."""
    released.submit_answers("mallory", {"total": code, "double": "pass", "largest": "pass"})
    released.submit_answers("grace", answers)
    released.grade()
    assert sum(released.scores()["grace"].values()) == 10
    notebook = released.folder.autograded("mallory", "sums") / "sums.ipynb"
    return json.loads(notebook.read_text())


def text_of(notebook) -> str:
    return json.dumps([cell.get("outputs", []) for cell in notebook["cells"]])


def test_it_sees_no_hidden_test_gradebook_work_or_token(released_either_way, answers, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "a-secret-token")
    # The text must not find itself in the code that looks for it.
    secrets = ", ".join(f"{one[:3]!r} + {one[3:]!r}" for one in SECRETS)
    code = LOOK_AROUND.format(
        course=str(released_either_way.settings.course), home=str(Path.home()), secrets=secrets
    )
    seen = text_of(attack(released_either_way, answers, code))
    assert "FOUND [] []" in seen
    assert sum(released_either_way.scores()["mallory"].values()) == 0


def test_it_deletes_and_writes_nothing_of_ours(released, answers):
    course = released.settings.course
    before = (released.folder.source("sums") / "sums.ipynb").read_bytes()
    code = f"""
import pathlib, shutil
for place in ({str(course)!r}, "/srv", "/home", "/tmp", "/usr/lib", "data"):
    shutil.rmtree(place, ignore_errors=True)
for file in ({str(course / "planted")!r}, "data/numbers.txt", "/usr/planted"):
    try:
        pathlib.Path(file).write_text("planted")
        print("WROTE", file)
    except OSError:
        pass
"""
    assert "WROTE" not in text_of(attack(released, answers, code))
    assert (released.folder.source("sums") / "sums.ipynb").read_bytes() == before
    assert not (course / "planted").exists()
    data = released.folder.autograded("mallory", "sums") / "data/numbers.txt"
    assert data.read_text() == "1\n2\n3\n4\n"


def test_it_has_no_network_not_even_loopback(released_either_way, answers):
    reached = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = server.getsockname()[1]

        def listen():
            with contextlib.suppress(OSError):
                reached.append(server.accept())

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        code = f"""
import socket
for address in (("127.0.0.1", {port}), ("1.1.1.1", 53)):
    try:
        socket.create_connection(address, timeout=2)
        print("CONNECTED", address)
    except OSError as error:
        print("refused", error.errno)
"""
        seen = text_of(attack(released_either_way, answers, code))
    assert "CONNECTED" not in seen
    assert "refused" in seen
    assert reached == []


def processes_naming(text: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = file.read_bytes().decode(errors="replace")
            if text in command and file.parent.name != str(os.getpid()):
                found.append(command)
    return found


def test_forks_and_daemons_die_with_the_notebook(released_either_way, answers):
    code = """
import os, sys, time
for number in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "98765"])
        os._exit(0)
"""
    attack(released_either_way, answers, code)
    # A kernel's jail is told to die; the sealed engine waits until its own are dead.
    seconds = 10 if released_either_way.spec.judging == "in-kernel" else 0
    for text in ("98765", str(released_either_way.settings.run)):
        deadline = time.monotonic() + seconds
        while (left := processes_naming(text)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == []


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(1, signal.SIGKILL)",
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass",
        "hog = []\nwhile True:\n    hog.append(bytearray(100_000_000))",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import itertools\nfor number in itertools.count():\n"
        "    open(f'/tmp/{number}', 'wb').write(b'x' * 10_000_000)",
    ],
    ids=["exit", "kill-parents", "swallow-interrupts", "memory", "kill-itself", "disk"],
)
def test_breaking_its_process_earns_nothing(released_either_way, answers, code):
    attack(released_either_way, answers, code)
    assert not any(released_either_way.scores()["mallory"].values())


def test_its_files_can_not_stand_in_for_ours(released, answers):
    """The kernel starts in the attendee's folder: Python must not import from there."""
    place = released.submit_answers("mallory", {})
    mark = released.settings.course / "imported"
    for name in ("grader/__init__.py", "grader/kernel_jail.py", "json.py", "sitecustomize.py"):
        file = place / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"open({str(mark)!r}, 'w').write('imported')\n")
    released.grade()
    assert not mark.exists()
    assert not any(released.scores()["mallory"].values())


def test_links_in_a_submission_lead_nowhere(released, answers):
    place = released.submit_answers(
        "mallory", {"total": "print(open('book.txt', 'rb').read(15), open('all/g').read())"}
    )
    (place / "book.txt").symlink_to(released.folder.gradebook)
    (place / "all").symlink_to(released.settings.course)
    released.grade()
    autograded = released.folder.autograded("mallory", "sums")
    assert not (autograded / "book.txt").exists()
    assert "FileNotFoundError" in (autograded / "sums.ipynb").read_text()


def test_a_check_that_never_ran_earns_nothing(released_either_way, answers):
    """nbgrader gives full marks to a check that was passed by."""
    import nbformat

    notebook = released_either_way.released_notebook()
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata["tags"] = ["skip-execution"]
            cell.execution_count, cell.outputs = 7, []
    released_either_way.submit("mallory", nbformat.writes(notebook))
    released_either_way.grade()
    assert not any(released_either_way.scores()["mallory"].values())


def test_exiting_before_the_checks_earns_nothing(released_either_way):
    """No reply, no points: also when the kernel ends tidily, as if all were well."""
    released_either_way.submit_answers(
        "mallory", {"total": "get_ipython().kernel.do_shutdown(False)\nexit()"}
    )
    released_either_way.grade()
    assert not any(released_either_way.scores()["mallory"].values())
