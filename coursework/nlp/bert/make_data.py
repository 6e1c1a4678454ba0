"""Write data/reviews.csv, features.npy, names.txt and questions.json. Same bytes on every run.

    python make_data.py [FOLDER]        (default: the folder `data` beside this file)

All texts are made here: by templates and lists of words, written for this course. The reviews say
the same few things in many words, so that a classifier which counts words meets, after 200 labels,
mostly words that it has never seen.

features.npy holds what MiniLM makes of the reviews (see make_features.py, which needs the course's
kernel environment and 10 seconds). It is an input here: it is copied, and refused if it belongs to
other reviews.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import shutil
import sys
from pathlib import Path

SEED = 2020
NUM_REVIEWS = 1000
HERE = Path(__file__).parent

TOPICS = """
film, book, novel, concert, restaurant, hotel, room, breakfast, pizza, soup, coffee, teacher,
course, museum, guide, tour, train, flight, phone, laptop, camera, headset, jacket, bicycle,
garden, play, album, song, game, app, website, barber, dentist, plumber, printer, sofa, tent,
festival, lecture, bakery
"""

GOOD_WORDS = """
good, great, excellent, wonderful, superb, splendid, marvellous, delightful, lovely, charming,
brilliant, fantastic, terrific, magnificent, outstanding, remarkable, impressive, perfect,
flawless, pleasant, enjoyable, satisfying, refreshing, inspiring, beautiful, gorgeous, exquisite,
elegant, stunning, breathtaking, amazing, astonishing, incredible, phenomenal, sublime, divine,
heavenly, glorious, admirable, commendable, praiseworthy, first-rate, top-notch, world-class,
exceptional, extraordinary, memorable, unforgettable, captivating, gripping, heartwarming,
uplifting, thoughtful, generous, polished, masterful, dazzling, immaculate, a joy, a triumph,
a treasure, a gem, a masterpiece, a pleasure, a delight
"""
BAD_WORDS = """
bad, poor, awful, terrible, horrible, dreadful, atrocious, abysmal, appalling, lousy, miserable,
dismal, disappointing, underwhelming, mediocre, boring, dull, tedious, tiresome, monotonous,
bland, annoying, irritating, frustrating, infuriating, unpleasant, disgusting, revolting,
repulsive, hideous, ugly, shoddy, sloppy, careless, clumsy, amateurish, pathetic, laughable,
ridiculous, pointless, useless, worthless, unbearable, painful, depressing, embarrassing,
shameful, disgraceful, unacceptable, inexcusable, overpriced, broken, faulty, defective, dirty,
filthy, a disaster, a failure, a mess, a nightmare, a letdown, a fiasco, a scam, a disgrace,
a nuisance
"""

GOOD_SAYINGS = """
I would come back tomorrow | we could not stop smiling | it made my whole week | worth every penny
I have told all my friends | it exceeded my hopes | my children begged for more
I fell in love at once | everyone applauded at the end | I wish it had lasted longer
you will thank yourself later | we felt at home straight away | it works like a charm
hats off to everybody involved | they thought of everything | it brightened a grey day
I was moved to tears of joy | the best money I ever spent | nobody does it better
I am already looking forward to the next one | it did everything I asked for
we laughed from start to finish | the staff could not have been kinder | it went without a hitch
I would recommend it to anyone | five stars are not enough | it ticks every box
we were treated like royalty | I cannot praise it highly enough | it restored my faith
a breath of fresh air | it sets the standard for all others | my mother adored it | what a find
it deserves a prize | I enjoyed each minute | we left happy and grateful
it saved us a lot of trouble | simply the finest I know | it runs smoothly day after day
they went out of their way to help | it was love at first sight | I keep going back to it
we celebrated afterwards | it won me over completely
"""
BAD_SAYINGS = """
I want my money back | we walked out after ten minutes | never again | a complete waste of time
I have warned all my friends | it fell apart on the first day
my children cried and wanted to go home | I regret it to this day | people booed at the end
I could not wait for it to be over | save yourself the trouble | we felt cheated
it stopped working within a week | shame on everybody involved | they had forgotten everything
it ruined a sunny day | I nearly fell asleep | money down the drain | anyone could do it better
I am still waiting for an apology | it did nothing that was promised
we groaned from start to finish | the staff could not have been ruder | everything went wrong
I would not wish it on my enemies | one star is too many | it fails in every respect
we were treated like cattle | I cannot complain loudly enough | it destroyed my trust
it left a bitter taste | it sinks below all others | my mother loathed it | what a rip-off
it deserves to be closed down | I suffered each minute | we left angry and hungry
it caused us a lot of trouble | simply the worst I know | it crashes day after day
nobody lifted a finger to help | it was a mistake from the beginning | I threw it away
we quarrelled afterwards | it gave me a headache
"""

FRAMES = [
    "The {topic} was {word}.", "What a {topic}: {word}.", "In one word, this {topic} is {word}.",
    "I found the {topic} {word}.", "My sister called the {topic} {word}.", "We all thought the {topic} was {word}.",
    "Honestly, the {topic} turned out to be {word}.", "This {topic}? {word}.",
]  # fmt: skip
ASIDES = [
    "We went on a Tuesday.", "My brother chose it.", "It was raining outside.", "I had read about it before.",
    "There were about twenty of us.", "It is near the station.", "We had booked in March.", "It took two hours.",
    "A colleague had mentioned it.", "I tried it twice.", "It comes in three colours.", "We sat by the window.",
    "My neighbour has the same one.", "It was the end of the month.", "I paid by card.", "The weather was mild.",
]  # fmt: skip

FIRST_NAMES = """
Anna Boris Carla Deniz Elena Farid Greta Hugo Ines Jonas Karim Lucia Marek Nadia Oskar Paula
Quentin Rosa Stefan Tanja Umar Vera Wanda Xavier Yusuf Zoe Amelie Bruno Celia Dragan
"""
SURNAMES = """
Abbott Bakker Castro Dvorak Eklund Fontaine Garcia Hofmann Ivanov Jensen Keller Lindqvist Moreau
Novak Okafor Petrov Quispe Rossi Silva Tanaka Ueda Varga Weber Yilmaz Zimmermann Andersson Bianchi
Cohen Dubois Esposito
"""
PLACES = """
Lisbon, Vienna, Nairobi, Toronto, Kyoto, Santiago, Helsinki, Marrakesh, Brisbane, Cologne, Naples,
Lagos, Seoul, Denver, Prague, Quito, Riga, Sarajevo, Tunis, Utrecht, Valencia, Winnipeg, Zagreb,
New Orleans, Cape Town, San Diego, Buenos Aires, Hong Kong, Tel Aviv, Rio de Janeiro
"""
COMPANIES = """
Northwind Bank, Harbour Electric, Blue Pine Systems, Delta Foods, Orion Airlines, Quarry Steel,
Red Kite Media, Summit Motors, Tidewater Insurance, Vector Labs, Willow Textiles, Zenith Pharma,
Acorn Software, Beacon Shipping, Copperfield Trust, Dune Energy, Everest Telecom,
Falcon Logistics, Granite Hotels, Hazel Press
"""
NEWS = [
    "{P} moved to {L} in spring .",
    "{O} opened an office in {L} .",
    "{P} works for {O} .",
    "yesterday {P} left {O} for good .",
    "the lawyers of {O} met {P} in {L} .",
    "{P} and {Q} were born in {L} .",
    "shares of {O} fell after {P} resigned .",
    "the mayor of {L} thanked {P} .",
    "{O} will build a factory near {L} .",
    "{P} flew from {L} to {M} with {Q} .",
    "a spokesman of {O} said nothing .",
    "in {L} it rained all week .",
    "{O} and {R} have merged , says {P} .",
    "{P} plays the piano in {L} every summer .",
]

#: Question, passage, gold answers (none: the passage does not say), where a model is led astray.
QUESTIONS = [
    ("when was the bridge opened ?",
     "The stone bridge was planned in 1309 . It was opened in May 1314 and repaired in 1895"
     " after a flood .",
     ["May 1314", "in May 1314"], ("1895", "flood")),
    ("who repaired the clock ?",
     "The clock of the town hall had been silent for years when the baker 's daughter , Ida"
     " Brandt , repaired it in a single night .",
     ["Ida Brandt", "the baker 's daughter , Ida Brandt"], ("The clock", "town hall")),
    ("what is kept in the cellar ?",
     "Upstairs are the letters and the maps . In the cellar the museum keeps the old "
     "printing press , which still works .",
     ["the old printing press", "old printing press", "printing press"], ("letters", "maps")),
    ("how long is the tunnel ?",
     "The road climbs for nine miles and then enters a tunnel , 640 metres long , that was "
     "dug by hand .",
     ["640 metres", "640 metres long"], ("nine miles", "nine miles")),
    ("where do the storks spend the winter ?",
     "In August the storks gather on the roofs and leave for the south of Spain , where "
     "they spend the winter on rubbish dumps .",
     ["the south of Spain", "on rubbish dumps", "rubbish dumps"], ("August", "roofs")),
    ("who paid for the library ?",
     "The library was built in 1921 . Its reading room seats ninety , and its windows look "
     "out on the harbour .",
     [], ("1921", "harbour")),
    ("which animal is on the coin ?",
     "The coin shows a ship on one side and an owl on the other . Forgers often got the "
     "feathers of the owl wrong .",
     ["an owl", "owl"], ("ship", "side")),
    ("why was the match stopped ?",
     "Five minutes before the end the match was stopped because of thick fog . It was "
     "played again a week later .",
     ["thick fog", "because of thick fog"], ("match", "week later")),
]  # fmt: skip


def words(text: str, mark: str = ",") -> list[str]:
    return [word.strip() for word in text.replace("\n", f" {mark} ").split(mark) if word.strip()]


def review(rng: random.Random, label: int) -> str:
    """One made review; every eighth opinion is said by negating its opposite."""
    topic = rng.choice(words(TOPICS))
    if rng.random() < 0.45:
        opinion = rng.choice(words((BAD_SAYINGS, GOOD_SAYINGS)[label], "|"))
        opinion = f"About the {topic}: {opinion}."
    else:
        turned = rng.random() < 0.125
        word = rng.choice(words((BAD_WORDS, GOOD_WORDS)[label != turned]))
        opinion = rng.choice(FRAMES).format(topic=topic, word=f"not {word}" if turned else word)
    parts = [opinion, rng.choice(ASIDES)] if rng.random() < 0.6 else [opinion]
    rng.shuffle(parts)
    return " ".join(parts)


def reviews(seed: int, num_reviews: int) -> list[tuple[int, str]]:
    """Different texts, half of them good (1), half bad (0)."""
    rng, found = random.Random(seed), {}
    while len(found) < num_reviews:
        label = len(found) % 2
        found.setdefault(review(rng, label), label)
    return [(label, text) for text, label in found.items()]


def tagged(rng: random.Random, half: int) -> tuple[list[str], list[str]]:
    """A sentence with its tags. The names of half 0 and half 1 have nothing in common."""

    def one_of(text: str, mark: str = ",") -> str:
        return rng.choice(words(text, mark)[half::2])

    def person() -> str:
        return (
            f"{one_of(FIRST_NAMES, ' ')} {one_of(SURNAMES, ' ')}"
            if rng.random() < 0.7
            else one_of(SURNAMES, " ")
        )

    slots = {"{P}": ("PER", person), "{Q}": ("PER", person), "{L}": ("LOC", lambda: one_of(PLACES)),
             "{M}": ("LOC", lambda: one_of(PLACES)), "{O}": ("ORG", lambda: one_of(COMPANIES)),
             "{R}": ("ORG", lambda: one_of(COMPANIES))}  # fmt: skip
    tokens: list[str] = []
    tags: list[str] = []
    for token in rng.choice(NEWS).split():
        kind, make = slots.get(token, ("", lambda token=token: token))
        parts = make().split()
        tokens += parts
        tags += [f"B-{kind}"] + [f"I-{kind}"] * (len(parts) - 1) if kind else ["O"]
    return tokens, tags


def names(seed: int) -> list[str]:
    """150 sentences to learn from, 75 with other names; an empty line between the two."""
    rng = random.Random(seed)
    lines = []
    for half, count in ((0, 150), (1, 75)):
        for _ in range(count):
            tokens, tags = tagged(rng, half)
            lines.append(
                " ".join(f"{token}|{tag}" for token, tag in zip(tokens, tags, strict=True))
            )
        lines.append("")
    return lines[:-1]


def find(tokens: list[str], part: str) -> tuple[int, int]:
    """First and last place of `part` in `tokens`."""
    wanted = part.split()
    for start in range(len(tokens)):
        if tokens[start : start + len(wanted)] == wanted:
            return start, start + len(wanted) - 1
    raise ValueError(f"{part!r} is not in {tokens}")


def question(
    rng: random.Random, asked: str, passage: str, golds: list[str], astray: tuple[str, str]
) -> dict:
    """Tokens and made logits: the truth, noise, and traps that models really fall into."""
    tokens = ["[CLS]", *asked.split(), "[SEP]", *passage.split(), "[SEP]"]
    start = [round(rng.gauss(0, 0.7), 2) for _ in tokens]
    end = [round(rng.gauss(0, 0.7), 2) for _ in tokens]
    first = len(asked.split()) + 2
    wrong_start, wrong_end = (find(tokens, part) for part in astray)
    start[wrong_start[0]] += 3.5
    end[wrong_end[1]] += 3.5
    start[1] += 6.5  # the question's own words look like an answer
    end[first - 2] += 5.5
    if golds:
        gold = find(tokens[first:], golds[0])
        start[first + gold[0]] += 5
        end[first + gold[1]] += 5
        if first + gold[0] > first + 2:
            end[first + gold[0] - 2] += 5.5  # an end before the start
    else:
        start[0] += 6
        end[0] += 6
    return {
        "question": asked, "context": passage, "answers": golds, "tokens": tokens,
        "start": [round(x, 2) for x in start], "end": [round(x, 2) for x in end],
    }  # fmt: skip


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(reviews(SEED, NUM_REVIEWS))
    (folder / "reviews.csv").write_bytes(table.getvalue().encode())
    (folder / "names.txt").write_bytes("".join(f"{line}\n" for line in names(SEED)).encode())
    rng = random.Random(SEED)
    asked = [question(rng, *each) for each in QUESTIONS]
    (folder / "questions.json").write_bytes(json.dumps(asked, indent=1).encode() + b"\n")
    copy_features(folder, hashlib.sha256(table.getvalue().encode()).hexdigest())


def copy_features(folder: Path, digest: str) -> None:
    kept = HERE / "data/features.npy"
    belongs = (HERE / "features.sha256").read_text().split()
    if belongs[0] != digest:
        sys.exit(
            "features.npy belongs to other reviews: run make_features.py in the kernel environment"
        )
    if folder.resolve() != kept.parent.resolve():
        shutil.copyfile(kept, folder / "features.npy")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "data")
