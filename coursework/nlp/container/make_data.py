"""Writes the data of this lab, the same bytes on every run: python make_data.py FOLDER.

Little reviews from templates, half of them friendly. They are made so that averaging word vectors
is enough: this lab is about the container around a model. The Dockerfile is here because
attendees get the folder `data` and nothing else.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path

NUM_REVIEWS = 600
GOOD = "great wonderful charming clever moving funny splendid warm brilliant delightful".split()
BAD = "bad dull clumsy awful boring weak cold tedious dreadful flat".split()
THINGS = "film story cast music ending script camera humour dialogue pace".split()
TEMPLATES = (
    "the {thing} is so {word}",
    "a {word} {thing} and a {other} {second}",
    "so {word}",
    "what a {word} {thing}",
    "i found the {thing} {word} and the {second} {other}",
    "{word} from the first scene to the last",
)
DOCKERFILE = """\
# What an image for this model could look like. Pin every version: the image is built again
# in a year, on another machine, by somebody else.
FROM python:3.11.2-slim-bullseye
# The service may give the container another port to listen on.
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
COPY requirements.lock /opt/program/
RUN pip install --no-cache-dir --require-hashes -r /opt/program/requirements.lock
COPY program.py /opt/program/
WORKDIR /opt/program
# The service adds one word: train or serve. In this form the program is process 1 and gets
# the signal when the service wants it to end; a shell around it would not pass it on.
ENTRYPOINT ["python", "program.py"]
"""


def reviews(seed: int, number: int) -> Iterator[tuple[str, int]]:
    """Texts and labels, 1 for a friendly one."""
    draw = random.Random(seed)  # noqa: S311 - texts for a class
    for place in range(number):
        label = place % 2
        word, other = draw.sample(GOOD if label else BAD, 2)
        thing, second = draw.sample(THINGS, 2)
        template = draw.choice(TEMPLATES)
        yield template.format(thing=thing, word=word, other=other, second=second), label


def main(folder: Path) -> None:
    """Write the files of data/ to `folder`."""
    with (folder / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("text", "label"))
        rows.writerows(reviews(seed=12, number=NUM_REVIEWS))
    (folder / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
