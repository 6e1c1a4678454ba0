"""Write data/grammar.json, reviews.csv and new_reviews.csv. Same bytes on every run.

    python make_data.py [FOLDER]        (default: the folder `data` beside this file)

The reviews are made, not collected: an opinion, plain or negated or behind a "but", among remarks
that say nothing. So counting words cannot be enough, and a window of a few words can. Words of
negation also stand in the remarks, where they mean nothing. The grammar is shipped as a file, so
that a check can make reviews that nobody has seen; those marked `new` use pairs of negation and
adjective that no review in reviews.csv has.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

SEED = 2019
NUM_REVIEWS = 2000
NUM_NEW_REVIEWS = 600

GRAMMAR = {
    "adjectives": {
        "1": "great good funny clever moving brilliant charming lovely fresh wonderful gripping "
        "honest warm superb lively subtle",
        "0": "bad dull silly boring weak awful clumsy slow cold ugly lazy noisy stale poor flat "
        "loud",
    },
    "things": "film|plot|story|acting|music|ending|dialogue|picture|first half|second part|cast|"
    "camera work",
    "degrees": "||very|really|quite|rather",
    "remarks": [
        "we saw it on friday",
        "not long ago we rented it",
        "i had never heard of the director",
        "my sister picked it",
        "it is not the first of its kind",
        "a story from canada",
        "the hall was not full",
        "we hardly found a seat",
        "far from home two brothers meet again",
        "it runs for two hours",
        "nothing else was on that evening",
        "the book came out in may but i did not read it",
        "you get anything you want at the bar",
        "a woman looks for her lost brother in the north",
        "the old man has one week to sell the farm",
        "i do not know the book",
        "then we took the last bus home",
        "nobody in the hall said a word",
        "the sequel is never mentioned",
        "it was shot in winter in a small town by the sea",
    ],
    "plain": [
        "the {thing} is {degree} {adjective}",
        "the {thing} was {degree} {adjective} from start to end",
        "what a {adjective} {thing}",
        "i found the {thing} {degree} {adjective}",
        "a {degree} {adjective} {thing} in every way",
        "{degree} {adjective} , that {thing}",
    ],
    "negated": [
        "the {thing} is not {degree} {adjective}",
        "the {thing} was never {adjective} to me",
        "the {thing} is anything but {adjective}",
        "there is nothing {adjective} about the {thing}",
        "the {thing} is far from {adjective}",
        "i found the {thing} hardly {adjective}",
    ],
    # The opinion behind the "but" is the one that counts.
    "contrast": ["the {thing} is {other} but the {second} is {adjective}"],
    # The last opinion counts, and no window sees both.
    "twice": ["the {thing} is {other} . {remark} . the {second} is {adjective}"],
    "shares": {"plain": 0.59, "negated": 0.23, "contrast": 0.11, "twice": 0.07},
}


def is_new(negation: int, adjective: str, grammar: dict) -> bool:
    """Whether this pair of negation and adjective is kept for new reviews: one in eight."""
    words = (grammar["adjectives"]["1"] + " " + grammar["adjectives"]["0"]).split()
    return (words.index(adjective) + 3 * negation) % 8 == 0


def opinion(label: int, grammar: dict, rng: random.Random, *, new: bool) -> str:
    """A clause that says `label`, 1 for good and 0 for bad."""
    kind = rng.choices(list(grammar["shares"]), list(grammar["shares"].values()))[0]
    number = rng.randrange(len(grammar[kind]))
    said = 1 - label if kind == "negated" else label
    adjective = rng.choice(grammar["adjectives"][str(said)].split())
    if kind == "negated" and is_new(number, adjective, grammar) and not new:
        return opinion(label, grammar, rng, new=new)
    return grammar[kind][number].format(
        adjective=adjective,
        other=rng.choice(grammar["adjectives"][str(1 - said)].split()),
        thing=rng.choice(grammar["things"].split("|")),
        second=rng.choice(grammar["things"].split("|")),
        degree=rng.choice(grammar["degrees"].split("|")),
        remark=rng.choice(grammar["remarks"]),
    )


def reviews(
    num_reviews: int, grammar: dict, rng: random.Random, *, new: bool
) -> list[tuple[int, str]]:
    """Labels and texts; half of them are good. Without `new`, no text has a kept pair."""
    made = []
    for number in range(num_reviews):
        label = number % 2
        before = rng.sample(grammar["remarks"], rng.choice([0, 0, 1, 1, 2, 4]))
        after = rng.sample(grammar["remarks"], rng.choice([0, 0, 1, 1, 2]))
        clauses = [*before, opinion(label, grammar, rng, new=new), *after]
        made.append((label, " ".join(" . ".join(clauses).split())))
    rng.shuffle(made)
    return made


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)  # noqa: S311 - made data, no secret
    old = reviews(NUM_REVIEWS, GRAMMAR, rng, new=False)
    fresh = reviews(NUM_NEW_REVIEWS, GRAMMAR, rng, new=True)
    write_lines(folder / "grammar.json", [json.dumps(GRAMMAR, indent=1)])
    write_lines(folder / "reviews.csv", [f"{label},{text}" for label, text in old])
    write_lines(folder / "new_reviews.csv", [f"{label},{text}" for label, text in fresh])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
