"""A conda channel, and environments built from it: once for all tests that don't change them."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.environments.conda.build import Built, ensure_built
from provisioning.environments.conda.channels import Channels, Sources
from provisioning.environments.conda.lock import lock_conda
from provisioning.environments.conda.lock_file import ReadLock, read_lock_of
from provisioning.environments.conda.platforms import platform_named
from provisioning.environments.files import EnvironmentFile, read_environment_file
from tests.channel.channel import KEPT, Channel, forget_old
from tests.channel.channel import channel as make_channel

SOURCES = Path(__file__).parents[4] / "provisioning/environments"

#: Something compiled, something of both channels and pip, scripts of both, a kernel's name.
TRY = """name: try
channels: [tests]
dependencies:
  - python=3.11
  - pip
  - markupsafe
  - accelerator
  - located
  - pip:
      - tabulate==0.9.0
"""

#: The least that can be built.
LEAST = """name: try
channels: [tests]
dependencies:
  - python=3.11
  - six
  - pip:
      - tabulate==0.9.0
"""

MakeFile = Callable[..., EnvironmentFile]


@pytest.fixture(scope="session")
def channel() -> Channel:
    return make_channel()


@pytest.fixture(scope="session")
def sources(channel: Channel) -> Iterator[Sources]:
    """The channel by the name `tests`, and a cache of this test run."""
    with tempfile.TemporaryDirectory(prefix="workshop-conda-") as cache:
        yield Sources(Channels({"tests": channel.url}), Path(cache))


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Writes a conda environment file; each pair of words in it may be replaced."""

    def make(*replacements: tuple[str, str], text: str = TRY) -> EnvironmentFile:
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "try.yml"
        path.write_text(text)
        return read_environment_file(path)

    return make


@pytest.fixture
def make_lock(make_file: MakeFile, sources: Sources) -> Callable[..., ReadLock]:
    """The same, locked for a platform."""

    def make(
        *replacements: tuple[str, str], platform: str = "linux-64", text: str = TRY
    ) -> ReadLock:
        file = make_file(*replacements, text=text)
        lock_conda(file, platform_named(platform), sources)
        return read_lock_of(file, platform_named(platform))

    return make


@pytest.fixture(scope="session")
def kept_builds(channel: Channel) -> Path:
    """Where builds stay for the next run, as long as neither builder nor channel changes."""
    code = b"".join(path.read_bytes() for path in sorted(SOURCES.rglob("*.py")))
    key = hashlib.sha256(code + str(channel.folder).encode()).hexdigest()[:12]
    folder = KEPT / f"conda-{key}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    os.utime(folder)
    forget_old("conda-")
    return folder


@pytest.fixture
def built(make_lock: Callable[..., ReadLock], kept_builds: Path, sources: Sources) -> Built:
    """TRY, built for this machine. Don't change it."""
    return ensure_built(make_lock(), kept_builds, sources)


@pytest.fixture
def built_for_arm(make_lock: Callable[..., ReadLock], kept_builds: Path, sources: Sources) -> Built:
    """TRY, built for Arm. Don't change it."""
    return ensure_built(make_lock(platform="linux-aarch64"), kept_builds, sources)


@pytest.fixture
def own_channel(channel: Channel, tmp_path: Path) -> Path:
    """A copy of the channel's folder, to be spoiled."""
    return Path(shutil.copytree(channel.folder, tmp_path / "own-channel"))


@pytest.fixture
def mirror(channel: Channel) -> Iterator[str]:
    """The channel over HTTP on loopback: its address."""
    handler = functools.partial(_Quiet, directory=str(channel.folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
