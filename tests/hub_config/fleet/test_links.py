"""What SSH is told of a link: pinned, closed, and nothing that a name could smuggle in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub_config.fleet.link_keys import COMMENT, ensure_link_key, seat_host_script
from hub_config.fleet.links import Forward, Link, LinkFiles, known_hosts, link_config
from hub_config.settings import SeatHostSettings

FILES = LinkFiles(Path("/srv/links"), Path("/srv/run"))
HOST = SeatHostSettings(name="gpu-01", address="10.0.0.5", host_key="ssh-ed25519 AAAA a comment")
LINK = Link(HOST, (Forward.port(20000),), (Forward.port(8081),))


def test_a_link_trusts_one_key_tries_one_key_and_never_asks() -> None:
    lines = {line.strip() for line in link_config(LINK, FILES).splitlines()}
    assert {
        "StrictHostKeyChecking yes",
        "UserKnownHostsFile /srv/links/known_hosts",
        "GlobalKnownHostsFile /dev/null",
        "IdentitiesOnly yes",
        "BatchMode yes",
        "ExitOnForwardFailure yes",
        "LocalForward 127.0.0.1:20000 127.0.0.1:20000",
        "RemoteForward 127.0.0.1:8081 127.0.0.1:8081",
    } <= lines
    assert known_hosts((LINK,)) == "gpu-01 ssh-ed25519 AAAA\n"


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "10.0.0.5\n  ProxyCommand rm -rf /"},
        {"user": "root ProxyCommand"},
        {"name": "-oProxyCommand=x"},
        {"address": "$(id)"},
        {"address": "%h"},
    ],
)
def test_text_that_could_become_an_option_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="can't be part of an SSH configuration"):
        link_config(replace(LINK, host=HOST.model_copy(update=changes)), FILES)


def test_another_host_key_is_another_link() -> None:
    other = HOST.model_copy(update={"host_key": "ssh-ed25519 BBBB"})
    assert link_config(replace(LINK, host=other), FILES) != link_config(LINK, FILES)


def test_the_private_key_stays_and_is_made_once(tmp_path: Path) -> None:
    public = ensure_link_key(tmp_path / "links")
    assert ensure_link_key(tmp_path / "links") == public
    assert (tmp_path / "links").stat().st_mode & 0o777 == 0o700
    private = (tmp_path / "links" / "key").read_text()
    script = seat_host_script(public)
    assert public in script
    assert public.endswith(COMMENT)
    assert private.splitlines()[1] not in script
