"""MiniLM in GluonNLP is MiniLM: it agrees with an implementation that shares nothing with it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).parents[2] / "coursework/nlp/bert"
TEXTS = [
    "The animal did not cross the street because it was too tired.",
    "Sunnyvale",
    "suspending numerals , 1314 : naïve Zürich ?",
    "a much longer text , so that the others are padded : " + "never odd or even " * 12,
]


@pytest.fixture(scope="module")
def compared(nlp_python: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("minilm_by_hand.py")
    done = subprocess.run(
        [nlp_python, script, LAB],
        input=json.dumps(TEXTS),
        cwd=LAB,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_103_arrays_are_loaded(compared):
    assert compared["arrays"] == 103


def test_every_valid_position_agrees_to_1e_4(compared):
    assert min(compared["sizes"]) > 0.5, "vectors near zero would agree with anything"
    assert max(compared["alone"]) < 1e-4, compared


def test_padding_changes_no_valid_position(compared):
    assert len(set(compared["tokens"])) == len(TEXTS)
    assert max(compared["padded"]) < 1e-4, compared


def test_the_shipped_features_are_what_the_encoder_gives(compared):
    # 16 bits: half a unit in the last place at 1 is 5e-4
    assert compared["features"] < 1e-3


def test_words_are_cut_as_the_workshops_published(compared):
    # JSALT 2019, 08 qa_bert; AMLC 2019, 04 bert_icsl
    assert compared["pieces"] == {
        "suspending": ["suspend", "##ing"],
        "numerals": ["nu", "##meral", "##s"],
        "Sunnyvale": ["sunny", "##vale"],
    }
    assert compared["vocabulary"] == 30522
