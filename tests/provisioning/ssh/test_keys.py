"""Key pairs are OpenSSH's own, private, and made once."""

import stat
import subprocess
from pathlib import Path

import pytest

from provisioning.ssh.errors import KeyUnusable
from provisioning.ssh.keys import ensure_key_pair, new_key_pair


def test_openssh_reads_the_pair_and_agrees_on_its_public_half(tmp_path: Path) -> None:
    pair = ensure_key_pair(tmp_path / "key", "workshop nlp")
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", tmp_path / "key"], check=True, capture_output=True, text=True
    ).stdout

    assert derived.split()[:2] == pair.public.split()[:2]
    assert pair.public.endswith(" workshop nlp")
    assert (tmp_path / "key.pub").read_text() == f"{pair.public}\n"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_second_call_keeps_the_key_and_restores_its_public_half(tmp_path: Path) -> None:
    first = ensure_key_pair(tmp_path / "key", "a")
    (tmp_path / "key.pub").unlink()

    assert ensure_key_pair(tmp_path / "key", "a").public == first.public
    assert (tmp_path / "key.pub").read_text() == f"{first.public}\n"


def test_a_file_that_is_no_key_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("my shopping list")
    with pytest.raises(KeyUnusable):
        ensure_key_pair(tmp_path / "key", "a")
    assert (tmp_path / "key").read_text() == "my shopping list"


def test_two_pairs_differ_and_do_not_show_their_private_half() -> None:
    first, second = new_key_pair("a"), new_key_pair("a")
    assert first.private != second.private
    assert "PRIVATE" not in repr(first)
