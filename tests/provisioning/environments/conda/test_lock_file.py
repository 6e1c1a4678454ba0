"""A lock is read in full or refused in words, whatever is in the file."""

import copy
import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.environments.conda.channels import Channels
from provisioning.environments.conda.lock_file import (
    dump_lock,
    lock_path,
    read_conda_lock,
    read_lock_of,
)
from provisioning.environments.conda.platforms import platform_named
from provisioning.errors import BadInput
from tests.provisioning.environments.conda.conftest import MakeFile

HEX = "0123456789abcdef" * 4
GOOD: dict[str, Any] = {
    "format": 1, "name": "try", "platform": "linux-64", "glibc": "2.28", "linux": "5.4",
    "conda": ["python=3.11", "six"], "pip": ["tabulate==0.9.0"], "channels": ["tests"],
    "packages": [
        {
            "name": "python", "version": "3.11.2", "build": "0", "build_number": 0,
            "channel": "tests", "subdir": "linux-64", "fn": "python-3.11.2-0.conda",
            "sha256": HEX, "python_site_packages_path": "lib/python3.11/site-packages",
        },
        {
            "name": "six", "version": "1.17.0", "build": "pyh_0", "build_number": 0,
            "channel": "https://example.org/a/b", "subdir": "noarch", "noarch": "python",
            "fn": "six-1.17.0-pyh_0.conda", "sha256": HEX, "depends": ["python >=3.8"],
        },
    ],
    "wheels": [{"name": "tabulate", "version": "0.9.0", "sha256": [HEX]}],
}  # fmt: skip


def read(folder: Path, content: object):
    path = folder / "try.linux-64.lock"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_conda_lock(path)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    lock = read(tmp_path, GOOD).lock
    assert (lock.python, lock.python_minor) == ("3.11.2", "3.11")
    assert read(tmp_path, dump_lock(lock).decode()).lock == lock
    assert lock.packages[1].located(Channels({"tests": "file:///x"}))["url"] == (
        "https://example.org/a/b/noarch/six-1.17.0-pyh_0.conda"
    )
    assert lock.packages[0].located(Channels({"tests": "file:///x"}))["url"] == (
        "file:///x/linux-64/python-3.11.2-0.conda"
    )


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        ({"packages": []}, "found no Python"),
        ({"platform": "win-64"}, "platform"),
        ({"platform": "linux-aarch64"}, "found python-3.11.2-0.conda of linux-64"),
        ({"platform": "linux-64-cuda"}, "found cuda None"),
        ({"cuda": "12.4"}, "found cuda 12.4"),
        ({"packages": [GOOD["packages"][0]] * 2}, "found python twice"),
        ({"name": "../x"}, "name"),
        ({"extra": 1}, "extra"),
        ({"format": 2}, "format"),
    ],
)
def test_a_lock_that_doesnt_hold_together_is_refused(
    tmp_path: Path, spoil: dict[str, Any], found: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, {**GOOD, **spoil})
    assert found in caught.value.message
    assert "delete it, and lock the environment file again" in caught.value.next_step


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fn", "../../etc/passwd.conda"),
        ("fn", "python-3.11.2-0.conda/../../x.conda"),
        ("fn", "numpy-1.0-0.conda"),
        ("channel", "file:///etc"),
        ("channel", "../.."),
        ("channel", "https://user:password@example.org/x"),
        ("channel", "-oProxyCommand=x"),
        ("sha256", HEX[:-1]),
        ("sha256", HEX.upper()),
        ("version", "1 --index-url=http://x"),
        ("depends", ["python\nsix"]),
        ("python_site_packages_path", "../../../etc"),
        ("build_number", -1),
        ("build_number", True),
        ("size", 10**30),
    ],
)
def test_a_package_cant_lead_elsewhere(tmp_path: Path, key: str, value: object) -> None:
    spoiled = copy.deepcopy(GOOD)
    spoiled["packages"][0][key] = value
    with pytest.raises(BadInput):
        read(tmp_path, spoiled)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "--index-url"),
        ("name", "six @ http"),
        ("version", "1.0 --hash=x"),
        ("version", "1.0\n-r x"),
        ("marker", "x \n-e ."),
        ("marker", "a # b"),
        ("sha256", []),
        ("sha256", ["0"]),
    ],
)
def test_a_wheel_cant_carry_an_option_for_the_installer(
    tmp_path: Path, key: str, value: object
) -> None:
    spoiled = copy.deepcopy(GOOD)
    spoiled["wheels"][0][key] = value
    with pytest.raises(BadInput):
        read(tmp_path, spoiled)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    match value:
        case dict():
            inner = [place for key, each in value.items() for place in places(each, (*path, key))]
        case list():
            inner = [place for i, each in enumerate(value) for place in places(each, (*path, i))]
        case _:
            inner = []
    return [path, *inner]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.text(alphabet=string.ascii_lowercase + "./-=:\n #", max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)  # fmt: skip


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(places(GOOD)[1:]), ANYTHING)
def test_whatever_is_changed_it_is_refused_or_stays_within_its_channels(
    tmp_path: Path, place: tuple[Any, ...], value: object
) -> None:
    spoiled = copy.deepcopy(GOOD)
    inner = spoiled
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    try:
        lock = read(tmp_path, spoiled).lock
    except BadInput:
        return
    for package in lock.packages:
        url = str(package.located(Channels({"tests": "https://m.example/t"}))["url"])
        assert url.startswith(("https://m.example/t/", "https://example.org/", "https://conda."))
        assert ".." not in url.split("/")
    for wheel in lock.wheels:
        words = wheel.requirement.split()
        assert not words[0].startswith("-")
        assert all(word.startswith("--hash=sha256:") for word in words if word.startswith("--"))
        assert "\n" not in wheel.requirement


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200) | st.integers(0, 1200))
def test_any_bytes_and_any_cut_are_refused(tmp_path: Path, content: bytes | int) -> None:
    path = tmp_path / "try.linux-64.lock"
    whole = json.dumps(GOOD).encode()
    path.write_bytes(
        content if isinstance(content, bytes) else whole[: min(content, len(whole) - 1)]
    )
    with pytest.raises(BadInput):
        read_conda_lock(path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read(tmp_path, "[" * 200_000)


@pytest.mark.parametrize(
    "change", [("tabulate==0.9.0", "tabulate"), ("- pip\n", "- pip\n  - six\n"), ("[tests]", "[x]")]
)
def test_a_lock_older_than_its_file_is_refused(
    make_lock: Callable[..., Any], make_file: MakeFile, change: tuple[str, str]
) -> None:
    make_lock()
    file = make_file(change)

    with pytest.raises(BadInput, match="was made for another version of") as caught:
        read_lock_of(file, platform_named("linux-64"))
    assert caught.value.write == "workshop env lock try --platform linux-64"


def test_a_file_that_isnt_locked_says_the_command(make_file: MakeFile) -> None:
    file, arm = make_file(), platform_named("linux-aarch64")

    with pytest.raises(BadInput, match="isn't locked for linux-aarch64") as caught:
        read_lock_of(file, arm)
    assert caught.value.write == "workshop env lock try --platform linux-aarch64"
    assert lock_path(file, arm).name == "try.linux-aarch64.lock"
