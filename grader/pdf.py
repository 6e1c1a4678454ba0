"""Prints a page to PDF with the Chromium of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from grader.errors import NotPossibleHere, StepFailed

BROWSERS = ("chromium", "google-chrome", "chromium-browser")

Lookup = Callable[[str], str | None]


class BrowserMissing(NotPossibleHere):
    """No browser of those that can print is on this machine."""


class PrintFailed(StepFailed):
    """The browser ran, and there is still no PDF."""


def find_browser(lookup: Lookup = shutil.which) -> Path:
    """The first of BROWSERS that the lookup knows."""
    for name in BROWSERS:
        if found := lookup(name):
            return Path(found)
    raise BrowserMissing(
        f"No browser to print the PDF with: looked for {', '.join(BROWSERS)}.",
        next_step='Install one with "apt-get install chromium", or leave the PDF out.',
    )


def print_to_pdf(
    html: Path,
    pdf: Path,
    browser: Path | None = None,
    *,
    lookup: Lookup = shutil.which,
    timeout_s: float = 60.0,
) -> Path:
    """Print `html` to `pdf`, replacing it only once the new one is whole."""
    browser = browser or find_browser(lookup)
    # The profile must not touch the caller's home, and a half-written PDF not the old one.
    with tempfile.TemporaryDirectory(prefix=".print-", dir=pdf.parent) as scratch:
        printed = Path(scratch) / "page.pdf"
        said = _run(_command(browser, html, printed), Path(scratch), timeout_s)
        if not printed.is_file() or not printed.stat().st_size:
            raise PrintFailed(
                f"{browser} printed nothing of {html}: {said or 'it gave no reason'}",
                next_step="Open the page in a browser and print it from there.",
            )
        printed.replace(pdf)
    return pdf


def _command(browser: Path, html: Path, printed: Path) -> list[str]:
    command = [
        str(browser),
        "--headless",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--no-pdf-header-footer",
        f"--user-data-dir={printed.parent / 'profile'}",
        f"--print-to-pdf={printed}",
    ]
    # Chromium refuses to sandbox itself as root. The page is ours and its policy bars all else.
    if os.geteuid() == 0:
        command.append("--no-sandbox")
    return [*command, html.resolve().as_uri()]


def _run(command: list[str], scratch: Path, timeout_s: float) -> str:
    """Run the browser with its children in a group of their own; return its last words."""
    words = scratch / "words"
    with words.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            raise PrintFailed(
                f"{command[0]} did not finish printing within {timeout_s:g} seconds.",
                next_step="Try again, or open the page in a browser and print it from there.",
            ) from late
        finally:
            _end_group(process)
    lines = words.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Leave none of the browser's helper processes behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
