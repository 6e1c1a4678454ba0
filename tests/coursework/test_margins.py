"""The threshold of the analogies holds with a margin, whatever the corpus."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

THRESHOLD = 0.9


def test_ten_other_corpora_stay_well_above_the_threshold(nlp_python, request):
    lab = request.path.parents[2] / "coursework/nlp/embeddings"
    seeds = [str(seed) for seed in range(10)]
    script = Path(__file__).with_name("margins.py")
    done = subprocess.run(
        [nlp_python, script, lab, *seeds], capture_output=True, text=True, check=True
    )
    shares = json.loads(done.stdout)
    assert min(shares.values()) >= THRESHOLD + 0.05, shares


def test_the_check_uses_this_threshold(request):
    lab = request.path.parents[2] / "coursework/nlp/embeddings/lab.py"
    assert f">= {THRESHOLD} * len(_asked)" in lab.read_text()
