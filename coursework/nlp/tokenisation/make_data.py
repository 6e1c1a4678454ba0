"""Write data/corpus.txt and data/wordpiece_vocab.txt. Same bytes on every run and machine.

    python make_data.py [FOLDER]        (default: the folder `data` beside this file)

The corpus is made, not collected: short English sentences in which a few stems meet a few
endings ("paint", "painted", "painter"), so that byte-pair encoding has something to discover
that a person recognises. Some stems never meet some endings; the lab uses those gaps.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

SEED = 2020
NUM_SENTENCES = 480

#: Regular verbs, so that every ending can follow.
STEMS = """
    walk talk paint train call help work play start treat jump cook clean open climb count
    learn farm print lift turn load sort report record wander gather answer follow
    listen whisper murmur remember deliver repair explain
""".split()
#: Never written, so that a word vocabulary does not know them although it knows their parts.
UNSEEN = {"trainers", "painting", "talkers", "treated"}
NOUNS = """
    payment treatment environment movement agreement shipment basement apartment experiment
    garden city market river mountain library kitchen harbour station theatre museum
""".split()
ADVERBS = """
    mentally slowly quickly calmly kindly really gladly loudly quietly neatly boldly warmly
    finally usually carefully cheerfully
""".split()
TEMPLATES = [
    "The {agent} {past} {adverb} in the {noun}.",
    "A {agent} is {ing} while the {noun} {present}.",
    "We {past} about the {noun}, {adverb}.",
    "In a new {noun}, {adverb} {past} people {stem} best.",
    "Every {noun} {present} when nobody is {ing}.",
    "They {stem} {adverb} and {stem2} for a {noun}.",
    "Many {agents} {past} this {noun}; one {agent} {past2} it again.",
    "Is that {noun} {past} by one {agent} or by several {agents}?",
    "{adverb}, said my {agent}, you should {stem} near {noun} and {noun2}.",
    "Two {agents} were {ing} behind our {noun}.",
]

#: About sixty pieces, in the style of BERT's vocabulary: a piece that continues a word starts
#: with "##". "tokeni" is a trap on purpose: greedy matching takes it and is then stuck.
WORDPIECES = """
[PAD] [UNK] [CLS] [SEP] [MASK]
the a of to and in we is . , ?
sun sunny ##ny ##val ##vale ##e
nu ##meral ##s number
suspend ##ing ##ed ##er ##ly ##ment
un ##aff ##able afford
re ##paint paint train play walk talk
mental environ pay treat
token tokeni ##ize ##izer ##isation
em ##bed ##ding word words
new york city
""".split()


def sentence(rng: random.Random) -> str:
    """One sentence from a random template; forms that must stay unseen are drawn again."""
    while True:
        stem, stem2 = rng.sample(STEMS, 2)
        forms = {
            "stem": stem, "stem2": stem2, "present": stem + "s", "past": stem + "ed",
            "past2": stem2 + "ed", "ing": stem + "ing", "agent": stem2 + "er",
            "agents": stem2 + "ers", "noun": rng.choice(NOUNS),
            "noun2": rng.choice(NOUNS), "adverb": rng.choice(ADVERBS),
        }  # fmt: skip
        template = rng.choice(TEMPLATES)
        used = {word for name, word in forms.items() if "{" + name + "}" in template}
        if not used & UNSEEN:
            text = template.format(**forms)
            return text[0].upper() + text[1:]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    lines = [sentence(rng) for _ in range(NUM_SENTENCES)]
    (folder / "corpus.txt").write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))
    vocab = "".join(f"{piece}\n" for piece in WORDPIECES)
    (folder / "wordpiece_vocab.txt").write_bytes(vocab.encode("utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
