"""Trains and serves with the reference of the container lab, on loopback, and says what came.

    python serve_reference.py LAB_FOLDER PLACE < cells.json > answers.json
                                                (in the course's kernel environment)

`cells` are the sources of the lab's code cells without checks and pictures. PLACE is an empty
folder with a copy of the lab's data in it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LIMIT = 2000
GOOD = json.dumps({"texts": ["so great", "so bad"]}).encode()
#: what is asked -> method, path, body, type
QUESTIONS = {
    "ping": ("GET", "/ping", b"", ""),
    "right": ("POST", "/invocations", GOOD, "application/json; charset=utf-8"),
    "wrong form": ("POST", "/invocations", b'{"texts": "so great"}', "application/json"),
    "malformed": ("POST", "/invocations", b'{"texts": [', "application/json"),
    "wrong type": ("POST", "/invocations", b"so great", "text/csv"),
    "oversize": ("POST", "/invocations", b"x" * (LIMIT + 1), "application/json"),
    "wrong method": ("GET", "/invocations", b"", ""),
    "elsewhere": ("GET", "/predict", b"", ""),
}


def train(lab: dict) -> dict:
    """Trainings that succeed, that miss their data, and whose second program fails."""
    lab["ensure_job"]("job", 8)
    found = {"status": lab["training_program"](lab["train_reviews"], "job")}
    found["model"] = sorted(path.name for path in Path("job/model").iterdir())
    found["losses"] = [lab["losses"][0], lab["losses"][-1]]
    lab["ensure_job"]("empty", 1)
    Path("empty/input/data/training/reviews.csv").unlink()
    found["no data"] = lab["training_program"](lab["train_reviews"], "empty")
    found["failure"] = Path("empty/output/failure").read_text()
    command = f"{sys.executable} -c 'raise SystemExit(7)'"
    child = lambda root: os.waitstatus_to_exitcode(os.system(command))  # noqa: E731
    found["child"] = lab["training_program"](child, "empty")
    return found


def serve(lab: dict) -> dict:
    """All kinds of requests, one after the other, and twenty good ones at once."""
    loads: list[str] = []

    def load():
        loads.append("load")
        return lab["load_reviews_model"]("job/model")

    get_model, one_at_a_time = lab["load_once"](load), threading.Lock()

    def predict(texts):
        with one_at_a_time:
            return get_model()(texts)

    server = lab["start_server"](lambda request: lab["respond"](request, predict, True, LIMIT))
    port = server.server_address[1]

    def ask(question):
        status, body, _ = lab["ask"](port, *question)
        return [status, body.decode()]

    with ThreadPoolExecutor(20) as people:
        at_once = list(people.map(lambda _: ask(QUESTIONS["right"]), range(20)))
    answers = {name: ask(question) for name, question in QUESTIONS.items()}
    server.shutdown()
    server.server_close()
    return {"answers": answers, "at once": at_once, "loads": len(loads)}


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    os.chdir(sys.argv[1])
    lab: dict = {"__name__": "__main__"}
    for source in json.load(sys.stdin):
        exec(compile(source, "<cell>", "exec"), lab)
    json.dump({"train": train(lab), "serve": serve(lab)}, sys.__stdout__)
