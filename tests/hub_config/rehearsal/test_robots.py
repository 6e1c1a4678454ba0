"""Robots read JupyterLab's page as a browser does, and a third of them leave without a word."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from hub_config.rehearsal.errors import RobotStuck
from hub_config.rehearsal.first_cell import FIRST_CELL, NO_GPU, device_of
from hub_config.rehearsal.lab_page import core_of, files_of, is_first_script
from hub_config.rehearsal.visits import manner_of

ADDRESS = "https://hub.example.org/user/ada/lab"
CONFIGURATION = {
    "fullLabextensionsUrl": "/user/ada/lab/extensions",
    "federated_extensions": [{"name": "@jupyter/nbgrader", "load": "static/remoteEntry.1.js"}],
}
PAGE = f"""
<script id="jupyter-config-data" type="application/json">{json.dumps(CONFIGURATION)}</script>
<link rel="stylesheet" href="/user/ada/custom.css"><link rel="icon" href="/icon.ico">
<script defer src="/user/ada/static/lab/main.e1.js?v=e1"></script>
<script>var inline = "not a file";</script>
"""
#: Named twice.
SCRIPTS = '<script src="/user/ada/static/lab/main.e1.js?v=e1"></script>'
MAIN = 'f=e=>(5448===e?"jlab_core":e)+"."+({77:"aa11",5448:"0733ab"})[e]+".js?v="'


def test_the_files_of_the_page_and_of_its_extensions_are_loaded_once_each() -> None:
    assert files_of(PAGE + SCRIPTS, ADDRESS) == (
        "https://hub.example.org/user/ada/custom.css",
        "https://hub.example.org/user/ada/static/lab/main.e1.js?v=e1",
        "https://hub.example.org/user/ada/lab/extensions/@jupyter/nbgrader/static/remoteEntry.1.js",
    )


def test_the_first_script_leads_to_jupyterlabs_core() -> None:
    script = "https://hub.example.org/user/ada/static/lab/main.e1.js?v=e1"
    assert is_first_script(script)
    core = "https://hub.example.org/user/ada/static/lab/jlab_core.0733ab.js?v=0733ab"
    assert core_of(MAIN, script) == (core,)
    assert core_of("another script", script) == ()


def test_a_page_without_jupyterlab_names_nothing() -> None:
    assert files_of("<h1>Something went wrong</h1>", ADDRESS) == ()


def test_the_first_cell_runs_in_a_kernel_without_mxnet_too(capsys: pytest.CaptureFixture) -> None:
    exec(FIRST_CELL, {})
    assert device_of(capsys.readouterr().out) == "cpu"


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (f"6.0 {NO_GPU}\n", "MXNet sees none"),
        ("7.0 cpu", "not the sum"),
        ("", "not the sum"),
        ("ImportError: libmxnet", "not the sum"),
    ],
)
def test_a_wrong_sum_or_a_missing_gpu_is_a_problem(output: str, problem: str) -> None:
    with pytest.raises(RobotStuck, match=problem):
        device_of(output)


@pytest.mark.parametrize("count", [3, 6, 30, 300])
def test_a_third_shut_the_tab_and_some_go_on_elsewhere(count: int) -> None:
    manners = Counter(manner_of(number) for number in range(count))
    assert manners["moves"] + manners["closes"] == count // 3
    assert manners["moves"] >= 1
