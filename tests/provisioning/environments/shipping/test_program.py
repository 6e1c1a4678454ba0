"""What is sent to hosts runs on their Python, whichever of those we support it is."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from provisioning.environments.shipping import on_host, program

SOURCES = sorted(Path(on_host.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_host_needs_nothing_but_python_3_9_and_its_library(source):
    tree = ast.parse(source.read_text(), feature_version=(3, 9))
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level
    } - {"__future__"}  # fmt: skip

    assert imported <= sys.stdlib_module_names
    # Unions in annotations are text there; elsewhere they would fail on 3.9.
    assert "from __future__ import annotations" in source.read_text() or not imported


def test_the_program_is_the_same_bytes_every_time_and_small():
    first = program.opening()
    program.opening.cache_clear()

    assert program.opening() == first
    size, _, packed = first.partition(b"\n")
    assert int(size) == len(packed) < 48 * 1024  # every host gets it over the same uplink


def test_what_stands_in_the_process_list_is_the_same_for_every_ship():
    assert program.command("ship").startswith("/usr/bin/python3 -I -S -B -c ")
    assert program.command("ship").endswith(" ship")
