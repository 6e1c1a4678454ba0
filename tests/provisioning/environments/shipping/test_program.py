"""What is sent to hosts runs on their Python, whichever of those we support it is."""

from __future__ import annotations

import ast
import importlib.util
import io
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from provisioning.environments.shipping import on_host, program
from provisioning.environments.shipping.on_host import boot

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


def test_what_a_ship_begins_with_is_compiled_and_belongs_to_its_source():
    packed = zlib.decompress(program.opening().partition(b"\n")[2])
    with zipfile.ZipFile(io.BytesIO(packed)) as sent:
        compiled = {name for name in sent.namelist() if name.endswith(".pyc")}
        assert compiled == {f"on_host/{name}.pyc" for name in program.WORTH_COMPILING}
        for name in compiled:
            head, text = sent.read(name)[:16], sent.read(name[:-1])
            assert head[:4] == importlib.util.MAGIC_NUMBER
            assert head[8:] == importlib.util.source_hash(text)


@pytest.mark.parametrize("magic", [importlib.util.MAGIC_NUMBER, b"\0\0\r\n"])
def test_a_host_with_another_python_runs_the_sources(monkeypatch, magic):
    monkeypatch.setattr(importlib.util, "MAGIC_NUMBER", magic)
    program.opening.cache_clear()
    opening = program.opening()
    program.opening.cache_clear()
    begun = subprocess.run(
        [program.PYTHON, *boot.OPTIONS, "ship"], input=opening + b"{}\n", capture_output=True
    )
    assert b"KeyError: 'imports'" in begun.stderr  # it has read its order, which says nothing


def test_only_what_a_ship_begins_with_is_compiled():
    looking = boot.BOOT.replace("main(", "from on_host import receiving; print(*sys.modules) #")
    begun = subprocess.run(
        [program.PYTHON, "-I", "-S", "-B", "-c", looking],
        input=program.opening(), capture_output=True, check=True,
    )  # fmt: skip
    loaded = begun.stdout.decode().split()
    assert {f"on_host.{name}" for name in program.WORTH_COMPILING} <= set(loaded)
    assert "on_host.installing" not in loaded


def test_what_stands_in_the_process_list_is_the_same_for_every_ship():
    assert program.command("ship").startswith("/usr/bin/python3 -I -S -B -c ")
    assert program.command("ship").endswith(" ship")
