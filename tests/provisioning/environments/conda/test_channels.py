"""A channel has one public address, and a mirror where a person names one."""

import pytest

from provisioning.environments.conda.channels import (
    Channels,
    is_channel,
    parse_channels,
    without_secrets,
)
from provisioning.errors import BadInput


def test_a_name_is_found_at_its_public_address_or_at_its_mirror() -> None:
    mirrored = parse_channels(["conda-forge=https://mirror.example.org/cf"])

    assert Channels().url("conda-forge") == "https://conda.anaconda.org/conda-forge/"
    assert mirrored.url("conda-forge") == "https://mirror.example.org/cf/"
    assert mirrored.url("bioconda") == "https://conda.anaconda.org/bioconda/"
    assert mirrored.url("https://example.org/a/") == "https://example.org/a/"
    # A mirror's own address may have an = in it.
    assert parse_channels(["a=https://x.example/t=v"]).url("a") == "https://x.example/t=v/"


@pytest.mark.parametrize("option", ["conda-forge", "=https://x", "a=", "a=ftp://x", "a=/srv/a"])
def test_a_mirror_that_is_no_address_is_refused(option: str) -> None:
    with pytest.raises(BadInput, match="WORKSHOP_CHANNEL: found") as caught:
        parse_channels([option])
    assert "WORKSHOP_CHANNEL='conda-forge=https://" in caught.value.write


def test_a_password_in_a_wrong_mirror_isnt_shown() -> None:
    with pytest.raises(BadInput) as caught:
        parse_channels(["a=ftp://me:secret@example.org/x"])
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://me:pw@h.example/x, no", "at https://***@h.example/x, no"),
        ("at https://h.example/t/TOKEN-1/x", "at https://h.example/t/***/x"),
        ("file:///srv/t/x", "file:///srv/t/***"),
        ("nothing secret", "nothing secret"),
    ],
)
def test_secrets_are_left_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("conda-forge", True),
        ("pytorch/label/nightly", True),
        ("https://example.org/a/b", True),
        ("file:///srv/a", False),
        ("https://me:pw@example.org/a", False),
        ("../a", False),
        ("-x", False),
        ("a b", False),
    ],
)
def test_what_a_lock_may_call_a_channel(text: str, fits: bool) -> None:
    assert is_channel(text) is fits
