"""Each lab opens and looks right in JupyterLab: its first page, and its first picture.

    WORKSHOP_SCREENSHOTS=docs/images pytest tests/coursework/test_labs_in_jupyterlab.py

writes the pictures of the labs in the guides anew.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jupytext
import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, LockCells
from playwright.sync_api import Browser, Page, sync_playwright

from grader.proof.settings import Kernel
from tests.thorough import part_of

COURSE = Path(__file__).parents[2] / "coursework/nlp"
LABS = {
    lab["name"]: lab
    for lab in yaml.safe_load((COURSE / "course.yaml").read_text(encoding="utf-8"))["labs"]
}
#: All of them when their pictures are wanted.
SHOWN = list(LABS) if "WORKSHOP_SCREENSHOTS" in os.environ else part_of(list(LABS), len(LABS))


@dataclass(frozen=True)
class JupyterLab:
    """A running JupyterLab and the folder that it shows."""

    address: str
    token: str
    folder: Path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go."""
    chosen = os.environ.get("WORKSHOP_SCREENSHOTS")
    folder = (Path(chosen) if chosen else tmp_path_factory.mktemp("images")) / "labs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def jupyterlab(
    kernel_of: Callable[[str], Kernel], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterLab]:
    """JupyterLab as at a seat, without a hub around it."""
    home = tmp_path_factory.mktemp("jupyterlab")
    folder = home / "labs"
    folder.mkdir()
    for name in sorted({lab["environment"] for lab in LABS.values()}):
        spec = home / "share/kernels" / name
        spec.mkdir(parents=True)
        argv = [str(kernel_of(name).python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        facts = {"argv": argv, "display_name": name, "language": "python"}
        (spec / "kernel.json").write_text(json.dumps(facts))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    quiet = home / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environment = os.environ | {
        "JUPYTER_PATH": str(home / "share"),
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api", process)
        yield JupyterLab(f"http://127.0.0.1:{port}", token, folder)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get(url).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
    raise AssertionError("JupyterLab did not start")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def release_of(lab: str) -> NotebookNode:
    """The notebook as attendees get it, by nbgrader's own steps."""
    notebook, resources = source_of(lab), {}
    for step in (LockCells, ClearSolutions, ClearOutput, ClearHiddenTests):
        notebook, resources = step().preprocess(notebook, resources)
    return notebook


def source_of(lab: str) -> NotebookNode:
    return jupytext.read(COURSE / LABS[lab]["folder"] / "lab.py", fmt="py:percent")


def first_picture(notebook: NotebookNode) -> int:
    """The place of the first cell that draws."""
    return next(
        place
        for place, cell in enumerate(notebook.cells)
        if "picture" in cell.metadata.get("tags", [])
    )


def opened(browser: Browser, jupyterlab: JupyterLab, notebook: str) -> tuple[Page, list[str]]:
    """The notebook alone on a laptop's screen, and what the browser complains about."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{jupyterlab.address}/doc/tree/{notebook}?token={jupyterlab.token}")
    page.wait_for_selector(".jp-Notebook .jp-Cell h1", timeout=90_000)
    page.wait_for_timeout(1500)
    return page, complaints


@pytest.mark.parametrize("name", SHOWN)
def test_the_first_page_says_what_the_lab_is(
    browser: Browser, jupyterlab: JupyterLab, images: Path, name: str
) -> None:
    nbformat.write(release_of(name), jupyterlab.folder / f"{name}.ipynb")
    page, complaints = opened(browser, jupyterlab, f"{name}.ipynb")
    assert page.locator(".jp-Notebook h1").first.inner_text().startswith(LABS[name]["title"][:12])
    assert page.locator(".jp-Notebook table").count() >= 1  # what you write, and its points
    assert "$" not in page.locator(".jp-Notebook .jp-RenderedMarkdown").first.inner_text()
    page.screenshot(path=images / f"{name}.png")
    page.close()
    assert complaints == []


@pytest.mark.parametrize("name", SHOWN)
def test_the_first_picture_is_drawn_as_large_as_people_can_see(
    browser: Browser, jupyterlab: JupyterLab, images: Path, name: str
) -> None:
    notebook: Any = source_of(name)
    place = first_picture(notebook)
    notebook.cells = notebook.cells[: place + 1]
    data = COURSE / LABS[name]["folder"] / "data"
    folder = jupyterlab.folder / f"{name}-run"
    folder.mkdir()
    if data.exists():
        shutil.copytree(data, folder / "data")
    client = NotebookClient(
        notebook,
        timeout=240,
        kernel_name=notebook.metadata.kernelspec.name,
        resources={"metadata": {"path": str(folder)}},
    )
    client.kernel_manager_class = "jupyter_client.manager.AsyncKernelManager"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(jupyterlab.folder.parent / "share"))
        client.execute()
    # The heading first, so that the page opens; then the picture alone.
    notebook.cells = [notebook.cells[0], notebook.cells[place]]
    nbformat.write(notebook, folder / "picture.ipynb")
    page, complaints = opened(browser, jupyterlab, f"{name}-run/picture.ipynb")
    picture = page.locator(".jp-OutputArea img, .jp-OutputArea svg").first
    picture.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = picture.bounding_box()
    assert box is not None
    assert box["width"] >= 300
    assert box["height"] >= 120
    picture.screenshot(path=images / f"{name}-picture.png")
    page.close()
    assert complaints == []
