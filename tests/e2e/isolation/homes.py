"""Nobody reads another's home."""

from __future__ import annotations

import subprocess

from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import (
    ADA,
    CANARY,
    EVE,
    KERNEL,
    Classroom,
    attack,
    cookies_of,
    reached,
)


async def test_another_s_home_has_no_path(classroom: Classroom, eve: Robot) -> None:
    outcome = await attack(
        eve,
        """
        import glob, os
        names = [diary, f"/home/{ada}/diary.txt", f"../{ada}/diary.txt", "~/../%s/diary.txt" % ada]
        attempts = {name: lambda name=name: open(os.path.expanduser(name)).read() for name in names}
        attempts["the homes"] = lambda: os.listdir(os.path.dirname(os.path.dirname(diary)))
        # Other ways into the machine's own tree of files.
        for process in glob.glob("/proc/[0-9]*") + ["/proc/self", "/proc/thread-self"]:
            for door in ("root", "cwd"):
                way = f"{process}/{door}"
                attempts[way] = lambda way=way: open(way + diary).read()
                up = f"{way}/../{ada}/diary.txt"
                attempts[up] = lambda up=up: open(up).read()
        os.makedirs("sub", exist_ok=True)
        open("own.txt", "w").write("mine")
        attempts["own"] = lambda: open("own.txt").read()
        """,
        diary=str(classroom.diary),
        ada=ADA,
    )
    assert len(outcome) > 12
    assert reached(outcome) == {"own": "'mine'"}


async def test_no_file_in_a_seat_s_sight_is_another_s(eve: Robot) -> None:
    """Not by a path we thought of: look into everything that the seat can open."""
    said = await eve.run_cell(
        KERNEL,
        f"""
import os, sys
wanted, own = {CANARY[::-1]!r}[::-1].encode(), b"mine-and-found"
open("own.txt", "wb").write(own)
found, looked = set(), 0
skipped = ("/proc", "/sys", "/usr", sys.prefix, os.environ["PATH"].split("/bin")[0])
for place, folders, files in os.walk("/"):
    folders[:] = [each for each in folders if not os.path.join(place, each).startswith(skipped)]
    for name in files:
        path = os.path.join(place, name)
        try:
            text = open(path, "rb").read(10_000_000) if os.path.isfile(path) else b""
        except OSError:
            continue
        looked += 1
        found |= {{path}} if wanted in text else set()
        found |= {{"own"}} if own in text else set()
print("LOOKED", looked > 100, sorted(found))
""",
    )
    assert said.strip() == "LOOKED True ['own']"


async def test_links_lead_nowhere(classroom: Classroom, eve: Robot) -> None:
    outcome = await attack(
        eve,
        """
        import os
        for name in ("soft", "hard", "folder"):
            if os.path.lexists(name):
                os.unlink(name)
        attempts = {
            "soft link": lambda: os.symlink(diary, "soft") or open("soft").read(),
            "link to the folder": lambda: os.symlink(os.path.dirname(diary), "folder")
            or os.listdir("folder"),
            "hard link": lambda: os.link(diary, "hard") or open("hard").read(),
            "hard link through proc": lambda: os.link("/proc/self/root" + diary, "hard"),
            "hard link to the system": lambda: os.link("/etc/passwd", "hard"),
        }
        """,
        diary=str(classroom.diary),
    )
    assert reached(outcome) == {}
    async with classroom.visitor(cookies=cookies_of(eve)) as browser:
        for name in ("soft", "folder/diary.txt", "../iso-ada/diary.txt"):
            answer = await browser.get(f"/user/{EVE}/api/contents/{name}")
            assert (answer.status_code >= 400, CANARY in answer.text) == (True, False)


async def test_a_link_in_a_submission_brings_nothing_along(
    classroom: Classroom, eve: Robot
) -> None:
    before = len(classroom.submissions(EVE))
    await eve.run_cell(
        KERNEL,
        f"import os; os.path.lexists('sums/link.txt') or "
        f"os.symlink({str(classroom.diary)!r}, 'sums/link.txt')",
    )
    await eve.submit("nlp", "sums")
    await eve.run_cell(KERNEL, "import os; os.unlink('sums/link.txt')")
    kept = classroom.submissions(EVE)
    assert len(kept) == before + 1
    archive = classroom.workshop.paths.exchange / "submissions/sums" / EVE / f"{kept[-1]['id']}.zip"
    listed = subprocess.run(
        ["/usr/bin/python3", "-m", "zipfile", "-l", str(archive)], capture_output=True, text=True
    ).stdout
    assert "sums.ipynb" in listed
    assert "link.txt" not in listed
    assert CANARY.encode() not in archive.read_bytes()


async def test_what_a_seat_writes_is_closed_to_others(classroom: Classroom, ada: Robot) -> None:
    await ada.run_cell(KERNEL, "import os; os.makedirs('f', exist_ok=True); open('f/x', 'w')")
    home = classroom.workshop.paths.homes / ADA
    modes = {path: path.stat().st_mode & 0o077 for path in (home, home / "f", home / "f/x")}
    assert set(modes.values()) == {0}
