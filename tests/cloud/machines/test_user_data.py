"""The stand-in for cloud-init reads user-data as cloud-init does, or refuses it."""

from __future__ import annotations

import base64
import gzip

import pytest

from tests.cloud.machines.user_data import read_user_data


def config(text):
    return read_user_data(b"#cloud-config\n" + text.encode())


def test_nothing_and_a_script_are_user_data():
    assert read_user_data(b"").runcmd == ""
    assert read_user_data(b"#!/bin/sh\necho hi\n").runcmd == "#!/bin/sh\necho hi\n"


def test_lists_are_quoted_and_lines_are_shell():
    script = config("runcmd:\n- echo $HOME; true\n- [echo, two words, 3]\n").runcmd

    assert script == "#!/bin/sh\necho $HOME; true\necho 'two words' 3\n"


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("text/plain", "hello"),
        ("b64", base64.b64encode(b"hello").decode()),
        ("gz+b64", base64.b64encode(gzip.compress(b"hello", mtime=0)).decode()),
    ],
)
def test_files_are_decoded(encoding, encoded):
    (file,) = config(
        f"write_files:\n- {{path: /x, encoding: {encoding}, content: '{encoded}'}}"
    ).write_files

    assert base64.b64decode(file["content"]) == b"hello"


@pytest.mark.parametrize("permissions", ["'0600'", "0600"])
def test_permissions_are_octal_with_and_without_quotes(permissions):
    (file,) = config(f"write_files:\n- {{path: /x, permissions: {permissions}}}").write_files

    assert file["mode"] == 0o600


def test_gzipped_user_data_is_read():
    assert read_user_data(gzip.compress(b"#cloud-config\nhostname: gpu-01\n")).hostname == "gpu-01"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("packages: [htop]", "packages"),
        ("write_files:\n- {path: /x, owner: ubuntu}", "defer"),
        ("write_files:\n- {path: /x, encoding: rot13}", "rot13"),
    ],
)
def test_what_only_a_real_cloud_init_can_do_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        config(text)


def test_another_kind_of_user_data_is_refused():
    with pytest.raises(ValueError, match="neither"):
        read_user_data(b"Content-Type: multipart/mixed")
