# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: NLP (MXNet, CPU)
#     language: python
#     name: nlp-cpu
# ---

# %% [markdown]
# # Tokenisation: from text to numbers
#
# A network multiplies matrices. It has never seen a letter. Something must cut a text into
# pieces, the **tokens**, and give every piece a number, and whatever that something throws
# away, no network can bring back.
#
# Suppose you cut at spaces, give a number to the 30,000 words you meet most often, and call all the
# others *unknown*. Then somebody writes to you from Sunnyvale, and all that your model reads is
# "I live in *unknown*". The tokenisers in today's language models read
# `sunny` `##vale` instead, and a name that they never met still carries some meaning.
#
# In this lab you write them yourself, each in a few lines:
#
# | | you write | points |
# |---|---|---|
# | 1 | three ways to count a text | 2 |
# | 2 | a vocabulary | 3 |
# | 3 | byte-pair encoding: learn the merges | 4 |
# | 4 | byte-pair encoding: encode | 2 |
# | 5 | byte-pair encoding: decode | 3 |
# | 6 | WordPiece, the tokeniser of BERT | 4 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run
# the check below it. A check that passes is silent except for one line; a check that fails says in
# one sentence what to think about. After you submit, the same checks run again with more, fresh
# inputs. The exercises do not depend on each other: if one is stuck, go on with the next.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import re
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt

plt.rcParams.update({
    "figure.figsize": (9, 3.2), "figure.dpi": 100, "font.size": 11,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
})
BLUE, ORANGE, GREEN, GREY = "#3b6ea8", "#e08e3c", "#5a9a5a", "#9a9a9a"

corpus = Path("data/corpus.txt").read_text(encoding="utf-8").splitlines()
print(f"{len(corpus)} sentences, for instance: {corpus[0]!r}")

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "draw_tokens", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
# A helper for the pictures. You need not read it.
def draw_tokens(rows):
    """Draw each token as a coloured box. rows: {title: list of strings}."""
    colours = ["#cfe1f5", "#fbdcb5", "#cfe8cf", "#e6d5ee"]
    longest = max(sum(len(token) for token in tokens) for tokens in rows.values())
    size = min(13, 640 / longest)  # a monospaced font, so every character has the same width
    fig, ax = plt.subplots(figsize=(11, 0.52 * len(rows) + 0.3))
    for row, (title, tokens) in enumerate(rows.items()):
        y, left = len(rows) - row, 0
        ax.text(-1, y, f"{title}  ({len(tokens)})", ha="right", va="center")
        for number, token in enumerate(tokens):
            width = len(token)
            box = plt.Rectangle((left + 0.06, y - 0.36), width - 0.12, 0.72,
                                color=colours[number % len(colours)])
            ax.add_patch(box)
            ax.text(left + width / 2, y, token.replace(" ", "·"), ha="center", va="center",
                    family="DejaVu Sans Mono", size=size)
            left += width
    ax.set(xlim=(-0.3 * longest, longest + 0.5), ylim=(0.4, len(rows) + 0.6))
    ax.axis("off")
    plt.show()


# %% [markdown]
# ## 1. Characters, words, bytes
#
# What is the smallest piece of a text? There are three honest answers.
#
# - **Characters**, in Python the elements of a `str`: `len("é")` is 1.
# - **Words**, here whatever stands between white space.
# - **Bytes**, what a file holds. UTF-8 spends one byte on an English letter, two on `é`, three on
#   most Asian signs and four on an emoji. There are only 256 different bytes, so a tokeniser that
#   starts from bytes has *no unknown token*, in any language.
#
# The same sentence, "Every word counts.", in six languages:

# %% tags=["picture"]
translations = {
    "English": "Every word counts.", "German": "Jedes Wort zählt.", "Greek": "Κάθε λέξη μετράει.",
    "Russian": "Каждое слово важно.", "Hindi": "हर शब्द मायने रखता है।",
    "Japanese": "すべての言葉に意味がある。",
}
fig, ax = plt.subplots()
for x, (language, text) in enumerate(translations.items()):
    ax.bar(x - 0.2, len(text), width=0.38, color=BLUE, label="characters" if x == 0 else None)
    ax.bar(x + 0.2, len(text.encode("utf-8")), width=0.38, color=ORANGE,
           label="UTF-8 bytes" if x == 0 else None)
ax.set_xticks(range(len(translations)), translations)
ax.set(ylabel="tokens", title="Who pays for bytes? One sentence in six languages")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# A model that reads bytes needs three times as many steps for Hindi as for English. That is a reason
# to *merge* bytes into longer tokens, which you will do in section 3.
#
# ### Exercise 1: three ways to count
#
# Return a dictionary with the number of `"characters"`, `"words"` and `"bytes"` of a text. Words are
# separated by white space: two spaces in a row do not make an empty word.

# %% nbgrader={"grade": false, "grade_id": "count_units", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def count_units(text):
    """Count a text in three units: {"characters": ..., "words": ..., "bytes": ...}."""
    ### BEGIN SOLUTION
    return {
        "characters": len(text),
        "words": len(text.split()),
        "bytes": len(text.encode("utf-8")),
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_count_units", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "count_units" in dir(), "Run the cell of exercise 1 first: there is no count_units yet."

phrase = "environment, mentally"  # from the workshop's slide: 21 bytes, "ment" occurs twice
counts = count_units(phrase)
assert isinstance(counts, dict), (
    f"count_units must return a dictionary, not {type(counts).__name__}; is there a `return`?"
)
assert counts.get("bytes") == 21, (
    f"An English letter is one byte in UTF-8, so {phrase!r} has 21 bytes; you found "
    f"{counts.get('bytes')}."
)
assert counts.get("words") == 2, (
    f"{phrase!r} has 2 words (the comma belongs to the first); you found "
    f"{counts.get('words')}."
)
assert count_units("naïve café").get("characters") == 10, (
    "A letter with an accent is one character, although it needs two bytes: count the string "
    "itself for characters."
)
assert count_units("naïve café").get("bytes") == 12, (
    "Bytes exist only after encoding, and ï and é need two each: look at "
    "text.encode('utf-8')."
)
assert count_units(" two  words\n").get("words") == 2, (
    "White space at the ends or twice in a row does not make empty words: compare 'a  "
    "b'.split() with 'a  b'.split(' ')."
)
### BEGIN HIDDEN TESTS
import random

rng = random.Random()
for _ in range(20):
    words = ["".join(rng.choices("aZ7-éßжक日🙂", k=rng.randint(1, 6))) for _ in range(rng.randint(0, 6))]
    text = "".join(word + rng.choice([" ", "  ", "\t", "\n "]) for word in words)
    expected = {"characters": len(text), "words": len(words), "bytes": len(text.encode("utf-8"))}
    found = count_units(text)
    assert found == expected, f"For {text!r} the counts are {expected}; you found {found}."
### END HIDDEN TESTS
print("Exercise 1: all three counts agree.")

# %% [markdown]
# ## 2. A vocabulary
#
# A **vocabulary** is a list of tokens; the number of a token is its place in the list. The order is a
# matter of taste, but it must be the *same* order tomorrow, or a saved model reads nonsense.
# We use this rule, as most toolkits do:
#
# 1. the **reserved tokens** come first, in the order given (`<unk>` for unknown, `<pad>` to fill up,
#    `<bos>` and `<eos>` for begin and end);
# 2. then the tokens of the text, the **most frequent** first;
# 3. two tokens that are equally frequent stand in the order in which they are **first seen**;
# 4. tokens that occur fewer than `min_freq` times are left out, and nothing is listed twice.
#
# **Rule 3 looks like a detail.** In the notebook of the JSALT 2019 workshop, the text
# `hello world hello nice world hi world` gave the order `world, hello, hi, nice`, because that toolkit
# sorted ties by the alphabet. With our rule it is `world, hello, nice, hi`. Load a model with one rule
# and its vocabulary with the other, and "hi" and "nice" have silently changed places.
#
# ### Exercise 2: build the vocabulary
#
# `tokens` is a list of strings. Return the list of tokens in order. A `Counter` remembers the
# order in which it first saw its keys, and `sorted` keeps the order of what it finds equal.

# %% nbgrader={"grade": false, "grade_id": "build_vocab", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def build_vocab(tokens, reserved_tokens, min_freq=1):
    """Return idx_to_token: reserved tokens, then by frequency, then by first occurrence."""
    ### BEGIN SOLUTION
    counter = Counter(tokens)
    by_frequency = sorted(counter, key=lambda token: -counter[token])
    frequent = [token for token in by_frequency if counter[token] >= min_freq]
    return list(reserved_tokens) + [token for token in frequent if token not in reserved_tokens]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_build_vocab_order", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "build_vocab" in dir(), "Run the cell of exercise 2 first: there is no build_vocab yet."

tokens = "hello world hello nice world hi world".split()
reserved = ["<unk>", "<pad>", "<bos>", "<eos>"]
vocab = build_vocab(tokens, reserved)
assert isinstance(vocab, list), (
    f"build_vocab must return a list, not {type(vocab).__name__}; is there a `return`?"
)
assert vocab[:4] == reserved, (
    "The reserved tokens come first, in the order given, but your list starts with "
    f"{vocab[:4]}."
)
assert vocab[4:6] == ["world", "hello"], (
    "'world' occurs three times and 'hello' twice, so they follow in this order; you have "
    f"{vocab[4:6]}."
)
assert vocab[6:] == ["nice", "hi"], (
    f"'nice' and 'hi' occur once each and 'nice' is seen first; you have {vocab[6:]}."
)
assert len(reserved) == 4 and len(tokens) == 7, (
    "Your function changed the lists that it was given (`+=` does that): make a new list "
    "instead."
)
### BEGIN HIDDEN TESTS
import random
from collections import Counter as _Counter

rng = random.Random()
for _ in range(20):
    letters = rng.sample("abcdefghijklmnopqrstuvwxyz", 7)
    tokens = rng.choices(letters, k=rng.randint(0, 25))
    reserved = rng.sample(["<unk>", "<pad>", "<bos>", "<eos>", "<mask>"], rng.randint(0, 4))
    seen = _Counter(tokens)
    expected = reserved + sorted(seen, key=lambda token: (-seen[token], tokens.index(token)))
    found = build_vocab(tokens, reserved)
    assert found == expected, (
        f"The tokens {tokens} with {reserved} give {expected}; you have {found}."
    )
### END HIDDEN TESTS
print("Exercise 2: reserved tokens, frequency, first seen.")

# %% nbgrader={"grade": true, "grade_id": "check_build_vocab_limits", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "build_vocab" in dir(), "Run the cell of exercise 2 first: there is no build_vocab yet."

tokens = "a rose is a rose is a <unk>".split()
vocab = build_vocab(tokens, ["<unk>"], min_freq=2)
assert isinstance(vocab, list), f"build_vocab must return a list, not {type(vocab).__name__}."
assert vocab.count("<unk>") == 1, (
    f"A reserved token that also stands in the text is listed once; your list is {vocab}."
)
assert len(vocab) == 4, (
    "With min_freq=2 every token that occurs at least twice stays: <unk>, a, rose, is; you "
    f"have {vocab}."
)
### BEGIN HIDDEN TESTS
import random

rng = random.Random()
for _ in range(20):
    min_freq = rng.randint(2, 4)
    often = rng.sample("abcdefgh", 3)  # exactly min_freq times: the border belongs to the vocabulary
    seldom = rng.sample("stuvwxyz", 3)  # one time too few
    reserved = rng.sample(["<unk>", "<pad>", "<bos>", "<eos>"], 2)
    tokens = often * min_freq + seldom * (min_freq - 1) + reserved * 5
    expected = sorted(reserved + often)
    found = build_vocab(tokens, reserved, min_freq)
    assert sorted(found) == expected, (
        f"With min_freq={min_freq}, {tokens} leaves {expected}; you have {found}."
    )
### END HIDDEN TESTS
print("Exercise 2: rare tokens are out, nothing is listed twice.")

# %% [markdown]
# How many words would such a vocabulary need? Most words are rare: the picture shows how often each
# word of our little corpus occurs. The long tail is the problem. Wherever we cut it, the rest becomes
# `<unk>`, and a new text always brings words that the tail did not have.

# %% tags=["picture"]
words = re.findall(r"\w+", " ".join(corpus).lower())
frequencies = sorted(Counter(words).values(), reverse=True)
fig, ax = plt.subplots()
ax.bar(range(1, len(frequencies) + 1), frequencies, color=BLUE)
ax.set(xlabel="rank of the word", ylabel="occurrences",
       title=f"A few words do most of the work ({len(frequencies)} different words)")
for rank, (word, count) in enumerate(Counter(words).most_common(3), start=1):
    ax.annotate(f"“{word}”", (rank, count), xytext=(rank + 8, count), va="center",
                arrowprops={"arrowstyle": "-", "color": GREY})
plt.show()
for word in ["painter", "painting", "treated"]:
    print(f"{word!r:11} occurs {words.count(word):2} times in the corpus")

# %% [markdown]
# The corpus has *paint*, *paints*, *painted* and *painter*, but not *painting*. A person
# would not call that word unknown. The next tokeniser will not, either.
#
# ## 3. Byte-pair encoding
#
# **Byte-pair encoding** (BPE) starts from the 256 bytes and does one thing over and over: *find the pair of
# neighbours that occurs most often and make it a new token*. The first new token gets the number 256,
# the next one 257, and so on. Frequent words grow into single tokens, rare ones stay in pieces, and
# nothing is ever unknown.
#
# The step that merges is given. Note the last example: it works from left to right, so three
# in a row become one pair and a rest.

# %% nbgrader={"grade": false, "grade_id": "merge_pair", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def merge_pair(ids, pair, new_id):
    """Replace every occurrence of `pair` in the list `ids`, from left to right, by `new_id`."""
    left, right = pair
    merged, position = [], 0
    while position < len(ids):
        if ids[position:position + 2] == [left, right]:
            merged.append(new_id)
            position += 2
        else:
            merged.append(ids[position])
            position += 1
    return merged


print(merge_pair([1, 2, 3, 1, 2], (1, 2), 256))
print(merge_pair([7, 7, 7], (7, 7), 256))

# %% [markdown]
# Here is the example of the workshop's slide, "environment, mentally", with three merges done by hand.
# `101` is the byte of *e*, `110` of *n*, `109` of *m* and `116` of *t*.

# %% nbgrader={"grade": false, "grade_id": "merges_by_hand", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
slide_merges = [
    (101, 110),  # 256: e  + n   occurs 3 times
    (109, 256),  # 257: m  + en  occurs 2 times
    (257, 116),  # 258: men + t  occurs 2 times
]
ids = list("environment, mentally".encode("utf-8"))
print(f"{len(ids)} tokens: {ids}")
for new_id, pair in enumerate(slide_merges, start=256):
    ids = merge_pair(ids, pair, new_id)
    print(f"{len(ids)} tokens: {ids}")

# %% tags=["picture"]
draw_tokens({
    "bytes": list("environment, mentally"),
    "+ en": ["en", *"vironm", "en", *"t, m", "en", *"tally"],
    "+ men": ["en", *"viron", "men", *"t, ", "men", *"tally"],
    "+ ment": ["en", *"viron", "ment", *", ", "ment", *"ally"],
})

# %% [markdown]
# ### Exercise 3: learn the merges
#
# The loop is there; you choose the pair of each round and leave the loop when there is nothing to choose.
#
# - Count every pair of neighbours in `ids`. Every place counts: `[7, 7, 7]` holds the pair
#   `(7, 7)` twice.
# - Take the pair that occurs **most often**.
# - **Tie-break:** of several such pairs take the *smallest*: the one with the smaller left
#   number, and if these are equal, the smaller right number. (That is how Python compares tuples.)
# - **Stop** when no pair occurs at least twice: merging it would save nothing.

# %% nbgrader={"grade": false, "grade_id": "train_bpe", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def train_bpe(text, num_merges):
    """Return the list of merged pairs, in the order learnt, at most num_merges of them."""
    ids = list(text.encode("utf-8"))
    merges = []
    for new_id in range(256, 256 + num_merges):
        # Set `pair` to the pair to merge, or leave the loop with `break`.
        ### BEGIN SOLUTION
        counts = Counter(zip(ids, ids[1:]))
        pair = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if pair is None or counts[pair] < 2:
            break
        ### END SOLUTION
        merges.append(pair)
        ids = merge_pair(ids, pair, new_id)
    return merges


# %% nbgrader={"grade": true, "grade_id": "check_train_bpe_counts", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "train_bpe" in dir(), "Run the cell of exercise 3 first: there is no train_bpe yet."

def _merges(text, num_merges):
    merges = train_bpe(text, num_merges)
    assert isinstance(merges, list), (
        f"train_bpe must return the list of merges, not {type(merges).__name__}."
    )
    assert all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in merges), (
        f"Each merge is a pair of two numbers; you have {merges}."
    )
    return [tuple(pair) for pair in merges]


merges = _merges("environment, mentally", num_merges=1)
assert merges == [(101, 110)], (
    "'en' occurs three times in 'environment, mentally', more than any other pair, so the "
    f"first merge is (101, 110); you have {merges}."
)
merges = _merges("banana bandana", num_merges=1)
assert merges == [(97, 110)], (
    "'an' occurs 4 times and 'na' 3 times in 'banana bandana', so the first merge is (97, "
    f"110); you have {merges}."
)
### BEGIN HIDDEN TESTS
import random
from collections import Counter as _Counter


def _reference(text, num_merges):
    """The merges, or None if in some round the choice is a tie or nothing occurs twice."""
    ids, merges = list(text.encode("utf-8")), []
    for new_id in range(256, 256 + num_merges):
        ranked = _Counter(zip(ids, ids[1:])).most_common(2)
        if ranked[0][1] < 2 or len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
            return None
        left, right = ranked[0][0]
        merged = []
        for unit in ids:  # appending one by one and folding the last two is the same merge
            if merged and merged[-1] == left and unit == right:
                merged[-1] = new_id
            else:
                merged.append(unit)
        merges.append((left, right))
        ids = merged
    return merges


rng, judged = random.Random(), 0
while judged < 15:
    alphabet = rng.sample("abcdefghé日", 4)
    text = "".join(rng.choices(alphabet, weights=[8, 4, 2, 1], k=60))
    expected = _reference(text, num_merges=3)
    if expected is None:
        continue
    judged += 1
    found = _merges(text, 3)
    assert found == expected, (
        f"In {text!r} one pair is ahead in each round, and the merges are {expected}; you "
        f"have {found}."
    )
### END HIDDEN TESTS
print("Exercise 3: the most frequent pair is merged.")

# %% nbgrader={"grade": true, "grade_id": "check_train_bpe_ties", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "train_bpe" in dir(), "Run the cell of exercise 3 first: there is no train_bpe yet."

def _merges(text, num_merges):
    merges = train_bpe(text, num_merges)
    assert isinstance(merges, list), (
        f"train_bpe must return the list of merges, not {type(merges).__name__}."
    )
    assert all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in merges), (
        f"Each merge is a pair of two numbers; you have {merges}."
    )
    return [tuple(pair) for pair in merges]


merges = _merges("environment, mentally", num_merges=10)
assert len(merges) == 3, (
    "After 'en', 'men' and 'ment' no pair occurs twice, so 3 merges are learnt even if 10 "
    f"are allowed; you have {len(merges)}."
)
assert merges == [(101, 110), (109, 256), (257, 116)], (
    "In round 2 'm'+'en' = (109, 256) and 'en'+'t' = (256, 116) are equally frequent, and "
    f"the smaller pair wins; you have {merges}."
)
assert _merges("", num_merges=5) == [], (
    "A text without any pair has no merges: return an empty list."
)
### BEGIN HIDDEN TESTS
import random
from collections import Counter as _Counter


def _reference(text, num_merges):
    ids, merges = list(text.encode("utf-8")), []
    for new_id in range(256, 256 + num_merges):
        ranked = sorted((-count, pair) for pair, count in _Counter(zip(ids, ids[1:])).items())
        if not ranked or ranked[0][0] > -2:
            break
        left, right = ranked[0][1]
        merged = []
        for unit in ids:
            if merged and merged[-1] == left and unit == right:
                merged[-1] = new_id
            else:
                merged.append(unit)
        merges.append((left, right))
        ids = merged
    return merges


rng = random.Random()
for _ in range(30):
    text = "".join(rng.choices(rng.sample("stuvwxyzéñ日本", 5), k=rng.randint(0, 40)))
    expected = _reference(text, num_merges=8)
    found = _merges(text, 8)
    assert found == expected, (
        f"With the tie-break and the stop, {text!r} gives {expected}; you have {found}."
    )
### END HIDDEN TESTS
print("Exercise 3: ties and the end are settled.")

# %% [markdown]
# Now let it learn from the corpus, and see how the text shrinks. (This cell uses your `train_bpe` and takes
# a second or two; `·` is a space.) Look at *when* a token is born: the endings `er`, `ed` and `ing`, which
# many words share, come first, and stems like `environ` late. Nobody told it what an ending is.

# %% tags=["picture"]
corpus_merges = []
try:
    corpus_merges = train_bpe("\n".join(corpus), num_merges=300)
except NotImplementedError:
    print("Exercise 3 is still open: come back to this picture when it passes.")

if corpus_merges:
    pieces = [bytes([number]) for number in range(256)]
    ids = list("\n".join(corpus).encode("utf-8"))
    lengths = [len(ids)]
    for new_id, (left, right) in enumerate(corpus_merges, start=256):
        pieces.append(pieces[left] + pieces[right])
        ids = merge_pair(ids, (left, right), new_id)
        lengths.append(len(ids))
    fig, ax = plt.subplots(figsize=(9, 3.6))
    ax.plot(lengths, color=BLUE, lw=2)
    ax.set(xlabel="number of merges", ylabel="tokens in the corpus", ylim=(0, None),
           title=f"{lengths[0]:,} bytes become {lengths[-1]:,} tokens")
    ax.margins(y=0.1)
    for number in [1, 14, 32, 65, 126, 168, 221, 263]:
        if number >= len(lengths):
            break
        token = pieces[255 + number].decode("utf-8", "replace").replace(" ", "·").replace("\n", "↵")
        ax.annotate(f"merge {number}: “{token}”", (number, lengths[number]),
                    xytext=(number + 10, lengths[number] + 0.1 * lengths[0]), va="center",
                    arrowprops={"arrowstyle": "-", "color": GREY})
    plt.show()

# %% [markdown]
# ### Exercise 4: encode
#
# To encode a *new* text, start from its UTF-8 bytes and replay the merges **in the order in which they were
# learnt**; the first merge makes the number 256, the second 257, and so on. `merge_pair` from above does
# the work of one merge.

# %% nbgrader={"grade": false, "grade_id": "encode", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def encode(text, merges):
    """Turn a text into a list of token numbers. merges: list of pairs, in the order learnt."""
    ### BEGIN SOLUTION
    ids = list(text.encode("utf-8"))
    for new_id, pair in enumerate(merges, start=256):
        ids = merge_pair(ids, pair, new_id)
    return ids
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_encode", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "encode" in dir(), "Run the cell of exercise 4 first: there is no encode yet."

slide_merges = [(101, 110), (109, 256), (257, 116)]
ids = encode("environment, mentally", slide_merges)
assert isinstance(ids, list), (
    f"encode must return a list of numbers, not {type(ids).__name__}; is there a `return`?"
)
assert len(ids) == 14, (
    f"Three merges take 'environment, mentally' from 21 tokens to 14; you have {len(ids)}."
)
assert ids.count(258) == 2, (
    f"'ment' is the third merge, so its number is 258, and it occurs twice; you have {ids}."
)
assert encode("abc", [(98, 99), (97, 98)]) == [97, 256], (
    "In 'abc' the pair 'bc' was learnt before 'ab', so it is merged first and 'ab' is gone: "
    "keep the order of the merges."
)
assert encode("é", []) == [195, 169], (
    "Without merges the tokens are the UTF-8 bytes, and é has two of them."
)
### BEGIN HIDDEN TESTS
import random


def _reference(text, merges):
    ids = list(text.encode("utf-8"))
    for new_id, (left, right) in enumerate(merges, start=256):
        merged = []
        for unit in ids:
            if merged and merged[-1] == left and unit == right:
                merged[-1] = new_id
            else:
                merged.append(unit)
        ids = merged
    return ids


rng = random.Random()
for _ in range(30):
    alphabet = rng.sample("abcxyzéж日🙂", 3)
    units = sorted({byte for letter in alphabet for byte in letter.encode("utf-8")})
    merges = []
    for new_id in range(256, 256 + rng.randint(2, 8)):
        merges.append((rng.choice(units), rng.choice(units)))
        units.append(new_id)
    text = "".join(rng.choices(alphabet, k=40))
    expected, found = _reference(text, merges), encode(text, merges)
    assert found == expected, (
        f"Encoding {text!r} with {merges} gives {expected}; you have {found}."
    )
### END HIDDEN TESTS
print("Exercise 4: merges are replayed in order.")

# %% [markdown]
# ### Exercise 5: decode
#
# Back from numbers to text. Token 65 is the byte 65, and token 256 + i is whatever the two halves of
# `merges[i]` are, one after the other. Both halves are older than the token itself, so one pass over the merges
# is enough to know the bytes of every token.
#
# **Careful with the last step.** A token may end in the middle of a character: the two bytes of `é` can be in
# two tokens. So join *all bytes* first and turn them into text once. And a language model may write bytes that
# are not UTF-8 at all: decode with `errors="replace"`, which shows `�` instead of raising.

# %% nbgrader={"grade": false, "grade_id": "decode", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def decode(ids, merges):
    """Turn a list of token numbers back into text."""
    ### BEGIN SOLUTION
    pieces = [bytes([number]) for number in range(256)]
    for left, right in merges:
        pieces.append(pieces[left] + pieces[right])
    return b"".join(pieces[number] for number in ids).decode("utf-8", errors="replace")
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_decode_ascii", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "decode" in dir(), "Run the cell of exercise 5 first: there is no decode yet."

slide_merges = [(101, 110), (109, 256), (257, 116)]
text = decode([258, 97, 108], slide_merges)
assert isinstance(text, str), (
    f"decode must return a string, not {type(text).__name__}; is there a `return`?"
)
assert text == "mental", (
    "Token 258 is 'ment' (257 and t), then come a and l: together 'mental'; you have "
    f"{text!r}."
)
assert decode([], slide_merges) == "", "No tokens are an empty text."
### BEGIN HIDDEN TESTS
import random

rng = random.Random()
for _ in range(30):
    pieces = {number: chr(number) for number in range(97, 123)}
    merges = []
    for new_id in range(256, 256 + rng.randint(1, 12)):
        pair = (rng.choice(list(pieces)), rng.choice(list(pieces)))
        merges.append(pair)
        pieces[new_id] = pieces[pair[0]] + pieces[pair[1]]
    ids = rng.choices(list(pieces), k=12)
    expected, found = "".join(pieces[number] for number in ids), decode(ids, merges)
    assert found == expected, (
        f"The tokens {ids} with {merges} spell {expected!r}; you have {found!r}."
    )
### END HIDDEN TESTS
print("Exercise 5: every token spells its bytes.")

# %% nbgrader={"grade": true, "grade_id": "check_decode_unicode", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "decode" in dir(), "Run the cell of exercise 5 first: there is no decode yet."

text = decode([99, 97, 102, 195, 169], [])
assert isinstance(text, str), (
    f"decode must return a string, not {type(text).__name__}; is there a `return`?"
)
assert text == "café", (
    "The bytes 195 and 169 are one character only together: join all bytes before you "
    f"decode; you have {text!r}."
)
assert decode([226, 130], []) == "�", (
    "Two bytes of an unfinished character are not UTF-8: decode with errors='replace' "
    "instead of raising."
)
### BEGIN HIDDEN TESTS
import random


def _encode(text, merges):
    ids = list(text.encode("utf-8"))
    for new_id, (left, right) in enumerate(merges, start=256):
        merged = []
        for unit in ids:
            if merged and merged[-1] == left and unit == right:
                merged[-1] = new_id
            else:
                merged.append(unit)
        ids = merged
    return ids


rng = random.Random()
for _ in range(20):
    # Any code point but the surrogates, which UTF-8 cannot write.
    text = "".join(chr(rng.choice([rng.randrange(32, 0xD800), rng.randrange(0xE000, 0x110000)])) for _ in range(20))
    data = text.encode("utf-8")
    # Pairs of neighbours anywhere, so that tokens cut through characters.
    places = rng.sample(range(len(data) - 1), 6)
    merges = list(dict.fromkeys((data[place], data[place + 1]) for place in places))
    found = decode(_encode(text, merges), merges)
    assert found == text, f"Encoding and decoding must bring back {text!r}; you have {found!r}."
### END HIDDEN TESTS
print("Exercise 5: the round trip works in every script.")

# %% [markdown]
# ## 4. WordPiece
#
# BERT cuts differently. Its vocabulary is fixed, and each *word* is cut on its own, from left to right, always taking
# the **longest piece** that the vocabulary has. A piece that continues a word is written with `##` in front.
# Ours has about sixty pieces instead of BERT's 30,522:

# %% nbgrader={"grade": false, "grade_id": "wordpiece_vocab", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
wordpiece_vocab = Path("data/wordpiece_vocab.txt").read_text(encoding="utf-8").split()
print(*wordpiece_vocab)


def basic_split(text):
    """Lower-case words and punctuation marks, as BERT cuts a text before WordPiece."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


print(basic_split("Sunnyvale, suspending!"))

# %% [markdown]
# For `sunnyvale` the longest piece at the start is `sunny` (longer than `sun`), and what is left, written `##vale`, is
# a piece too. The result is `sunny` `##vale`.
#
# If at some place **no** piece fits, the *whole word* becomes `[UNK]`; pieces found before are thrown away. And greedy means greedy:
# it never goes back to try a shorter piece. With this vocabulary, `tokenisation` starts with `tokeni`, `##sation` does
# not exist, and so the word is `[UNK]`, although `token` `##isation` would have worked.
#
# ### Exercise 6: cut a word
#
# `word` is one lower-case word, not empty; `vocab` is a list of pieces. Return the list of pieces.

# %% nbgrader={"grade": false, "grade_id": "wordpiece", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def wordpiece(word, vocab):
    """Cut a word greedily into the longest pieces of the vocabulary, or return ["[UNK]"]."""
    pieces, start = [], 0
    while start < len(word):
        # Append the longest piece that starts here and move `start` behind it.
        ### BEGIN SOLUTION
        prefix = "##" if start > 0 else ""
        for end in range(len(word), start, -1):
            if prefix + word[start:end] in vocab:
                pieces.append(prefix + word[start:end])
                start = end
                break
        else:
            return ["[UNK]"]
        ### END SOLUTION
    return pieces


# %% nbgrader={"grade": true, "grade_id": "check_wordpiece_longest", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "wordpiece" in dir(), "Run the cell of exercise 6 first: there is no wordpiece yet."

# The first three are what BERT's own vocabulary gives, as printed in the workshops' notebooks.
small_vocab = ["[UNK]", "sun", "sunny", "##ny", "##vale", "nu", "##meral", "##s", "suspend", "##ing", "the"]
for word, expected in [
    ("sunnyvale", ["sunny", "##vale"]),
    ("numerals", ["nu", "##meral", "##s"]),
    ("suspending", ["suspend", "##ing"]),
    ("the", ["the"]),
]:
    pieces = wordpiece(word, small_vocab)
    assert isinstance(pieces, list), (
        f"wordpiece must return a list of pieces, not {type(pieces).__name__}."
    )
    assert pieces == expected, (
        f"Take the longest piece each time and mark continuations with ##: {word!r} is "
        f"{expected}; you have {pieces}."
    )
### BEGIN HIDDEN TESTS
import random

rng = random.Random()
for _ in range(40):
    # Every single letter is a piece, so a greedy cut always exists.
    letters = rng.sample("abcdefghijklmnop", 3)
    longer = ["".join(rng.choices(letters, k=rng.randint(2, 4))) for _ in range(14)]
    vocab = ["[UNK]", *letters, *("##" + letter for letter in letters)]
    vocab += [rng.choice(["", "##"]) + piece for piece in longer]
    rng.shuffle(vocab)
    word = "".join(rng.choices(letters, k=rng.randint(1, 10)))
    expected, start = [], 0
    while start < len(word):
        mark = "##" if expected else ""
        end = max(e for e in range(start + 1, len(word) + 1) if mark + word[start:e] in vocab)
        expected.append(mark + word[start:end])
        start = end
    found = wordpiece(word, vocab)
    assert found == expected, (
        f"With the pieces {sorted(set(vocab))}, {word!r} is {expected}; you have {found}."
    )
### END HIDDEN TESTS
print("Exercise 6: the longest piece wins.")

# %% nbgrader={"grade": true, "grade_id": "check_wordpiece_unknown", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "wordpiece" in dir(), "Run the cell of exercise 6 first: there is no wordpiece yet."

small_vocab = ["[UNK]", "sun", "sunny", "##vale", "token", "tokeni", "##isation", "s", "##s"]
pieces = wordpiece("sunnyville", small_vocab)
assert isinstance(pieces, list), (
    f"wordpiece must return a list of pieces, not {type(pieces).__name__}."
)
assert pieces == ["[UNK]"], (
    "'sunny' fits but 'ville' does not, so the whole word is ['[UNK]'] and no piece stays; "
    f"you have {pieces}."
)
pieces = wordpiece("tokenisation", small_vocab)
assert pieces == ["[UNK]"], (
    "Greedy takes 'tokeni' and never goes back to 'token', so this word is ['[UNK]']; you "
    f"have {pieces}."
)
pieces = wordpiece("vale", small_vocab)
assert pieces == ["[UNK]"], (
    f"'##vale' may only continue a word; at the start 'vale' is unknown; you have {pieces}."
)
pieces = wordpiece("suns", small_vocab)
assert pieces == ["sun", "##s"], (
    f"A word that can be cut is not unknown: 'suns' is ['sun', '##s']; you have {pieces}."
)
### BEGIN HIDDEN TESTS
import random


def _reference(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = [end for end in range(start + 1, len(word) + 1) if mark + word[start:end] in vocab]
        if not ends:
            return ["[UNK]"]
        pieces.append(mark + word[start:max(ends)])
        start = max(ends)
    return pieces


rng, known, unknown = random.Random(), 0, 0
while known < 15 or unknown < 15:
    letters = rng.sample("qrstuvwxyz", 3)
    vocab = ["[UNK]"] + [rng.choice(["", "##"]) + "".join(rng.choices(letters, k=rng.randint(1, 3))) for _ in range(12)]
    word = "".join(rng.choices(letters, k=rng.randint(2, 7)))
    expected = _reference(word, vocab)
    known, unknown = known + (expected != ["[UNK]"]), unknown + (expected == ["[UNK]"])
    found = wordpiece(word, vocab)
    assert found == expected, (
        f"With the pieces {vocab}, {word!r} is {expected}; you have {found}."
    )
### END HIDDEN TESTS
print("Exercise 6: a word that does not fit is [UNK] as a whole.")

# %% [markdown]
# ## 5. Side by side
#
# One sentence, every tokeniser of this lab. Four of its words are not in the corpus.

# %% tags=["picture"]
sentence = "Sunnyvale trainers mentally repainted the numerals."
known_words = {word for line in corpus for word in basic_split(line)}
rows = {
    "characters": list(sentence),
    "words": [word if word in known_words else "<unk>" for word in basic_split(sentence)],
}
try:
    merges = train_bpe("\n".join(corpus), num_merges=300)
    rows["byte pairs"] = [decode([number], merges) for number in encode(sentence, merges)]
except NotImplementedError:
    print("For the row of byte pairs, exercises 3, 4 and 5 are needed.")
try:
    rows["WordPiece"] = [piece for word in basic_split(sentence) for piece in wordpiece(word, wordpiece_vocab)]
except NotImplementedError:
    print("For the row of WordPiece, exercise 6 is needed.")
draw_tokens(rows)

# %% [markdown]
# And the bargain behind all of them: a bigger vocabulary makes shorter sequences, but every entry is a row of
# parameters to learn, and a rare row learns little. Byte-pair encoding lets you choose any point on its curve.
# (Words look like the better bargain here only because this made corpus has so few of them. In real text the green
# mark would wander to the right, past hundreds of thousands of words, and still leave the new ones unknown.)

# %% tags=["picture"]
text = "\n".join(corpus)
fig, ax = plt.subplots(figsize=(9, 3.6))
try:
    merges = train_bpe(text, num_merges=300)
    sizes = [0, 10, 30, 75, 150, 300]
    ax.plot([256 + size for size in sizes], [len(encode(text, merges[:size])) for size in sizes],
            "o-", color=ORANGE, label="byte-pair encoding")
except NotImplementedError:
    print("The curve needs exercises 3 and 4.")
ax.plot(len(set(text)), len(text), "s", color=BLUE, ms=9, label="characters")
ax.plot(len(known_words), sum(len(basic_split(line)) for line in corpus), "D", color=GREEN, ms=9,
        label="words (new ones are unknown)")
ax.set(xlabel="entries in the vocabulary", ylabel="tokens in the corpus", ylim=(0, None), xlim=(0, None),
       title="The bargain: vocabulary against length")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Now every text is a list of numbers. But a number says nothing about what a token *means*: is 263 closer to 264 than to
# 12? The next lab gives every token a vector in which closeness says something.
#
# ## Going further (no points)
#
# - Our merges cross spaces, so a token can hold the end of one word and the start of the next. GPT-2 first splits the
#   text with a regular expression and learns merges inside the pieces only. Do that with `re.findall(r" ?\w+|[^\w\s]+|\s+", text)`,
#   and look at which merges change.
# - `train_bpe` counts all pairs again in every round. Which counts can change when one pair is merged? A trainer that only touches
#   those is hundreds of times faster.
# - Which of your tokens are never used when the corpus is encoded, because a later merge always swallows them?

# %%
# Your own experiments.
