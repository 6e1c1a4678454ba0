"""A host key is checked when it is written down, not when the class waits."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from provisioning.host_key_line import KINDS, check_host_key

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def refused(line: str) -> dict[str, str]:
    with pytest.raises(PydanticCustomError) as caught:
        check_host_key(line)
    return caught.value.context or {}


def test_a_comment_and_spaces_are_no_part_of_it() -> None:
    assert check_host_key(f"  {KEY}  root@gpu-01 first floor\n") == KEY


def test_a_line_of_known_hosts_is_told_apart() -> None:
    said = refused(f"192.0.2.10 {KEY}")
    assert "a line of known_hosts" in said["found"]
    assert said["write"] == "remove `192.0.2.10` in front of ssh-ed25519"


def test_a_private_key_is_not_repeated() -> None:
    said = refused("-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEAAAAA")
    assert said["found"] == "found a private key"
    assert "b3Blb" not in str(said)


@given(st.integers(0, len(KEY.split()[1]) - 1))
def test_a_key_that_is_cut_off_is_refused(length: int) -> None:
    kind, blob = KEY.split()
    refused(f"{kind} {blob[:length]}")


@given(st.sampled_from(KINDS), st.binary(max_size=80))
def test_what_decodes_to_something_else_is_refused(kind: str, content: bytes) -> None:
    inside = len(kind).to_bytes(4, "big") + kind.encode()
    if not content.startswith(inside):
        refused(f"{kind} {base64.b64encode(content).decode()}")
