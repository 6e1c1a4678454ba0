"""What the workshops published comes out of the labs that teach it.

Each line: an expression over a lab's own reference, the value, and where it was published. A lab's
given cells and solutions run first, in its kernel environment.

The workshops, as cited below:
    JSALT 2018   Gluon crash course, szha/gluon-crash-course
    JSALT 2019   eric-haibin-lin/JSALT19-GluonNLP
    AMLC 2019    eric-haibin-lin/AMLC19-GluonNLP
    AKO 2020     the slides "NLP with MXNet: bring your own container"
    d2l          Dive into Deep Learning, the book that all of them point to
"""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import dataclass

import pytest

from grader.proof.course import chosen_labs, read_course
from grader.proof.lab import read_lab

HELLO = '"hello world hello nice world hi world".split()'
RESERVED = '["<unk>", "<pad>", "<bos>", "<eos>"]'
MERGES = "[(101, 110), (109, 256), (257, 116)]"
PIECES = '["sunny", "##vale", "nu", "##meral", "##s", "suspend", "##ing"]'


@dataclass(frozen=True)
class Published:
    lab: str
    expression: str
    value: object
    source: str


PUBLISHED = [
    # Arrays and autograd.
    Published(
        "arrays",
        "overwrite(nd.array([[1, 2, 3], [5, 6, 7]]), (1, 2), (0, 2), 4)",
        [[1, 2, 3], [4, 4, 7]],
        "JSALT 2018, 1.ndarray: the array, and writing a slice",
    ),
    Published(
        "arrays",
        "gradient('double_square', nd.array([[1, 2], [3, 4]]))",
        [[4, 8], [12, 16]],
        "JSALT 2018, 3.autograd: the derivative of 2x^2",
    ),
    Published(
        "arrays",
        "gradient('bowl', nd.array([3, 5]))",
        [6, 20],
        "JSALT 2019, 01_basics: the gradient of x1^2 + 2 x2^2 is [2 x1, 4 x2]",
    ),
    Published(
        "arrays",
        # Doubled until it is longer than 1000: of (1, 1) that is 2^10, of (-1, 1) the sum is 0.
        "[gradient('winding', nd.array(each)) for each in ([1, 1], [-3, 1])]",
        [[1024, 0], [0, 512]],
        "JSALT 2018, 3.autograd: with control flow, c/a in one place and 0 elsewhere",
    ),
    Published(
        "arrays",
        "[chain_shapes(None, None, 7), chain_shapes(None, 5, 7), chain_shapes(3, 5, 7)]",
        [[[1], [1, 7], [1, 7]], [[1, 5], [5, 7], [1, 7]], [[3, 5], [5, 7], [3, 7]]],
        "JSALT 2019, slides: (1,n) = (1,)(1,n), (1,k)(k,n), (m,k)(k,n)",
    ),
    # Fitting.
    Published(
        "fitting",
        "nd.dot(polynomial_features(nd.array([1, -2]), 4), nd.array([5, 1.2, -3.4, 5.6]))",
        # 5 + 1.2 x - 3.4 x^2/2! + 5.6 x^3/3!
        [5 + 1.2 - 1.7 + 5.6 / 6, 5 - 2.4 - 6.8 - 44.8 / 6],
        "JSALT 2019, 03_machine_learning: the true weights 5, 1.2, -3.4, 5.6; d2l 4.4",
    ),
    # Tokenisation.
    Published(
        "tokenisation",
        "count_units('environment, mentally')['bytes']",
        21,
        "AKO 2020, tokenisation slides",
    ),
    Published(
        "tokenisation",
        f"encode('environment, mentally', {MERGES}).count(258)",
        2,
        "AKO 2020, tokenisation slides: the bytes of 'ment', 6d 65 6e 74, are there twice",
    ),
    Published(
        "tokenisation",
        f"decode([258], {MERGES}).encode().hex()",
        "6d656e74",
        "AKO 2020, tokenisation slides",
    ),
    Published(
        "tokenisation",
        # Of the two that occur once the toolkit sorted by the alphabet; the lab, by first seen.
        f"build_vocab({HELLO}, {RESERVED})[:6]",
        ["<unk>", "<pad>", "<bos>", "<eos>", "world", "hello"],
        "JSALT 2019, 04 word_embedding: the order of the vocabulary",
    ),
    Published(
        "tokenisation",
        f"[wordpiece(word, {PIECES}) for word in ('sunnyvale', 'numerals', 'suspending')]",
        [["sunny", "##vale"], ["nu", "##meral", "##s"], ["suspend", "##ing"]],
        "AMLC 2019, 04 bert_icsl (Sunnyvale); JSALT 2019, 08 qa_bert (the other two)",
    ),
    # Embeddings. The six rows of the slide need the given vectors; they are in check_analogy_slide.
    Published(
        "embeddings",
        "pairwise_distances(nd.one_hot(nd.arange(4), 4))",
        [[math.sqrt(2) * (i != j) for j in range(4)] for i in range(4)],
        "AKO 2020, one-hot slide: the square root of 2 between any two words",
    ),
    # Convolutions.
    Published(
        "textcnn",
        "corr1d(nd.array([[0, 1, 2, 3, 4, 5, 6]]), nd.array([[1, 2]]))",
        [2, 5, 8, 11, 14, 17],
        "JSALT 2019, 05_convolutions; d2l 15.3",
    ),
    Published(
        "textcnn",
        "corr1d(nd.array([[i + j for j in range(7)] for i in range(3)]), "
        "nd.array([[1, 2], [3, 4], [-1, -3]]))",
        [2, 8, 14, 20, 26, 32],
        "JSALT 2019, 05_convolutions: several channels; d2l 15.3",
    ),
    # Translation.
    Published(
        "translation",
        "score(-3.0, 10)",
        -3.0 / ((5 + 10) / (5 + 1)) ** 0.6,
        "AMLC 2019, 03: beam search with alpha 0.6 and K 5",
    ),
    Published(
        "translation",
        "[score(-3.0, length, alpha=0) for length in (1, 50)]",
        [-3.0, -3.0],
        "AMLC 2019, 03: without a penalty the length does not matter",
    ),
    Published(
        "translation",
        "list(clipped_matches(['the'] * 7, 'the cat is on the mat'.split(), 1))",
        [2, 7],
        "Papineni and others 2002, 2.1: the clipped precision of seven times 'the' is 2/7",
    ),
    # Sentiment and language models.
    Published(
        "sentiment",
        "[preprocess('a film', score, vocab, 500)[1] for score in (6, 5, 9, 2)]",
        [1, 0, 1, 0],
        "JSALT 2018, lab.sentiment_analysis: a score of more than 5 is positive",
    ),
    Published(
        "language-model",
        "round(float(log_uniform(13777).sum()), 6)",
        1.0,
        "JSALT 2019, softmax_approximation: log-uniform over 13,777 words",
    ),
    Published(
        "language-model",
        "perplexity([np.log(np.full(8, 1 / 13777))])",
        13777.0,
        "an even bet on V words has the perplexity V",
    ),
    # BERT.
    Published(
        "bert",
        "[normalise_answer('The  Denver Broncos!'), squad_scores('the Broncos.', ['Broncos'])]",
        ["denver broncos", [1.0, 1.0]],
        "the SQuAD 1.1 evaluation: no case, no punctuation, no articles",
    ),
]

RUNNER = """
import json, os, sys
os.environ["MPLBACKEND"] = "Agg"
work = json.load(sys.stdin)
names = {"__name__": "__main__"}
out, sys.stdout = sys.stdout, sys.stderr
for source in work["cells"]:
    exec(compile(source, "<cell>", "exec"), names)
exec("import numpy as np\\nfrom mxnet import nd", names)
plain = lambda value: value.asnumpy().tolist() if hasattr(value, "asnumpy") else value.tolist()
json.dump([eval(each, names) for each in work["expressions"]], out, default=plain)
"""


@pytest.fixture(scope="session")
def values_of(kernel_of, request):
    """What the expressions of a lab come to; a lab runs once."""
    course = request.config.rootpath / "coursework/nlp"
    known = {}

    def values(name):
        if name not in known:
            lab = read_lab(course, chosen_labs(course, read_course(course), [name])[0])
            cells = [cell.source for cell in lab.quick() if cell.kind in ("locked", "solution")]
            asked = [each.expression for each in PUBLISHED if each.lab == name]
            done = subprocess.run(
                [kernel_of(lab.spec.environment).python, "-c", RUNNER],
                input=json.dumps({"cells": cells, "expressions": asked}),
                capture_output=True,
                text=True,
                cwd=lab.folder,
                timeout=280,
            )
            assert done.returncode == 0, done.stderr[-2000:]
            known[name] = dict(zip(asked, json.loads(done.stdout), strict=True))
        return known[name]

    return values


@pytest.mark.parametrize(
    "published", PUBLISHED, ids=lambda each: f"{each.lab}: {each.source.partition(':')[0]}"
)
def test_the_reference_gives_what_was_published(published, values_of):
    found = values_of(published.lab)[published.expression]
    assert flat(found) == pytest.approx(flat(published.value), abs=1e-4), published.source


def flat(value):
    """Lists in lists as one list, each number with its place."""
    if not isinstance(value, list):
        return {(): value}
    return {
        (n, *place): each for n, inner in enumerate(value) for place, each in flat(inner).items()
    }


def test_the_six_rows_of_the_slide_are_asserted_where_attendees_see_it(request):
    """AKO 2020, exercise 1: the analogy table; its blanks after Mikolov et al. 2013, table 8."""
    course = request.config.rootpath / "coursework/nlp"
    lab = read_lab(course, chosen_labs(course, read_course(course), ["embeddings"])[0])
    check = next(cell for cell in lab.cells if cell.id == "check_analogy_slide")
    visible = check.source.partition("### BEGIN HIDDEN TESTS")[0]
    for answer in ("rome", "colder", "bratwurst", "au", "android", "leafs"):
        assert f'"{answer}")' in visible
