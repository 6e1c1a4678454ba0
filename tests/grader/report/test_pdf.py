"""Printing to PDF: it works with this machine's browser, and says what to do without one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from grader.pdf import BrowserMissing, PrintFailed, find_browser, print_to_pdf


def a_page(folder: Path) -> Path:
    page = folder / "page with a blank.html"
    page.write_text("<!doctype html><title>T</title><h1>Hello</h1>", encoding="utf-8")
    return page


def a_browser(folder: Path, script: str) -> Path:
    browser = folder / "browser"
    browser.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    browser.chmod(0o755)
    return browser


def test_without_a_browser_it_says_what_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BrowserMissing) as missing:
        print_to_pdf(a_page(tmp_path), tmp_path / "page.pdf", lookup=lambda name: None)
    assert missing.value.message == (
        "No browser to print the PDF with: looked for chromium, google-chrome, chromium-browser."
    )
    assert missing.value.next_step == (
        'Install one with "apt-get install chromium", or leave the PDF out.'
    )


def test_the_first_browser_found_is_used() -> None:
    known = {"google-chrome": "/opt/chrome", "chromium-browser": "/snap/chromium"}
    assert find_browser(known.get) == Path("/opt/chrome")


@pytest.mark.browser
def test_a_page_becomes_a_pdf_and_nothing_else_is_left(tmp_path: Path) -> None:
    page, pdf = a_page(tmp_path), tmp_path / "page.pdf"
    assert print_to_pdf(page, pdf) == pdf
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert sorted(tmp_path.iterdir()) == sorted([page, pdf])


def test_a_browser_that_prints_nothing_leaves_the_old_pdf_alone(tmp_path: Path) -> None:
    pdf = tmp_path / "page.pdf"
    pdf.write_bytes(b"old")
    browser = a_browser(tmp_path, "echo 'no display' >&2; exit 1")
    with pytest.raises(PrintFailed, match="no display"):
        print_to_pdf(a_page(tmp_path), pdf, browser)
    assert pdf.read_bytes() == b"old"


def test_a_browser_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    children = tmp_path / "children"
    browser = a_browser(tmp_path, f"sleep 60 & echo $! > {children}; wait")
    with pytest.raises(PrintFailed, match="did not finish printing within 5 seconds"):
        print_to_pdf(a_page(tmp_path), tmp_path / "page.pdf", browser, timeout_s=5)
    child = int(children.read_text(encoding="utf-8"))
    assert ends(child)


def ends(pid: int) -> bool:
    """Whether the process is gone, or dead and waiting to be buried by init."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False
