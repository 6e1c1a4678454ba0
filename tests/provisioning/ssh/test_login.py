"""Host keys are read as ssh-keygen writes them, and nothing else passes for one."""

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.ssh.errors import HostKeyUnreadable
from provisioning.ssh.keys import new_key_pair
from provisioning.ssh.login import ALGORITHMS, read_host_key


@pytest.mark.parametrize(("kind", "bits"), [("ed25519", "256"), ("ecdsa", "384"), ("rsa", "1024")])
def test_the_fingerprint_is_the_one_that_ssh_keygen_shows(
    kind: str, bits: str, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-f", path]
    subprocess.run(command, check=True)
    listed = subprocess.run(
        ["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True
    ).stdout

    key = read_host_key(path.with_suffix(".pub").read_text())

    assert str(key).split()[1] == listed.split()[1]


@given(st.sampled_from(sorted(ALGORITHMS)), st.binary(min_size=1), st.text())
def test_every_key_line_is_read_whatever_its_comment(kind: str, rest: bytes, comment: str) -> None:
    blob = len(kind).to_bytes(4) + kind.encode() + rest
    line = f"  {kind} {base64.b64encode(blob).decode()} {comment}"

    key = read_host_key(line)

    assert (key.kind, key.blob) == (kind, blob)


@given(st.text() | st.from_regex(r"ssh-ed25519 [A-Za-z0-9+/=]{0,40}"))
def test_what_is_no_key_is_refused_with_one_error(line: str) -> None:
    with pytest.raises(HostKeyUnreadable, match="is not a public host key") as caught:
        read_host_key(line)
    assert "ssh_host_ed25519_key.pub" in caught.value.next_step


def test_a_key_that_says_it_is_of_another_kind_is_refused() -> None:
    encoded = new_key_pair("").public.split()[1]
    with pytest.raises(HostKeyUnreadable, match="not a key of kind"):
        read_host_key(f"ecdsa-sha2-nistp256 {encoded}")
