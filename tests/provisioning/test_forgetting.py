"""After a proven teardown this computer keeps the journal of a fleet and none of its secrets."""

from __future__ import annotations

from pathlib import Path

from provisioning.fleet_state import FleetState
from provisioning.forgetting import forget_secrets


def test_the_journal_stays_and_everything_else_goes(tmp_path: Path) -> None:
    state = FleetState(tmp_path / "fleet")
    state.ensure_key()
    state.ensure_bootstrap("gpu-01", 1)
    before = state.uid()
    state.journal().write("done", "ec2.key-pair", region="us-east-1")
    forget_secrets(state)
    assert [path.name for path in state.folder.iterdir()] == ["journal.jsonl"]
    assert state.uid() != before


def test_what_a_crash_left_half_written_goes_too(tmp_path: Path) -> None:
    state = FleetState(tmp_path / "fleet")
    (state.ensure_folder() / ".key.1234.new").write_text("half a private key")
    forget_secrets(state)
    assert list(state.folder.iterdir()) == []


def test_it_can_be_repeated_and_needs_no_folder(tmp_path: Path) -> None:
    state = FleetState(tmp_path / "fleet")
    forget_secrets(state)
    state.ensure_key()
    forget_secrets(state)
    forget_secrets(state)
    assert list(state.folder.iterdir()) == []
