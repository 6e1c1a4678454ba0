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
# # Batches and convolutions: padding must not change the answer
#
# In July 2019 a workshop (AMLC, the notebook is public) trained two networks to tell good film reviews from bad ones. Both were right on 86 or 87 of 100 test reviews. Then the notebook asked them about two short
# sentences of its own, one ending in *so great* and one in *so bad*. Both networks called **both** sentences bad, and the notebook was published like that.
#
# What had happened? Reviews have different lengths, a batch is a rectangle, so short reviews are filled up with padding. The networks had only ever seen sentences with a long tail of
# padding. They had learnt something about the tail. The short sentence came without one.
#
# Today you build the same chain, a convolutional network for reviews, in such a way that padding cannot matter. The rule is easy to say: **the same sentence must get the same answer, whatever stands next to it in the batch.**
#
# | | you write | points |
# |---|---|---|
# | 1 | a convolution over words | 4 |
# | 2 | a padded batch | 3 |
# | 3 | batches of equal lengths | 4 |
# | 4 | a network that padding cannot fool | 9 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run the check
# below it. A check that fails says in one sentence what to think about. After you submit, the same checks
# run again with more, fresh inputs. The exercises do not depend on each other.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import random
from pathlib import Path

import gluonnlp as nlp
import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn

plt.rcParams.update({
    "figure.figsize": (9, 3.6), "figure.dpi": 100, "font.size": 11,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
})
BLUE, ORANGE, GREEN, GREY = "#3b6ea8", "#e08e3c", "#5a9a5a", "#9a9a9a"


def load(name):
    """Reviews and labels of a file: 1 is a good review, 0 a bad one."""
    lines = Path("data", name).read_text(encoding="utf-8").splitlines()
    return [line[2:] for line in lines], [int(line[0]) for line in lines]


reviews, labels = load("reviews.csv")
new_reviews, new_labels = load("new_reviews.csv")
print(f"{len(reviews)} reviews to learn from, {len(new_reviews)} new ones")
for review, label in list(zip(reviews, labels))[:5]:
    print(["bad ", "good"][label], review)

# %% [markdown]
# The reviews are made by a script (real ones are not ours to give away), so you can see the rules in `data/grammar.json`. Most opinions are plain; a quarter is **negated** (*the plot is anything but dull*), some stand
# behind a *but*, and in some reviews the second of two opinions counts. Words like *not* and *nothing* also occur in remarks that mean nothing. Whoever only counts words will be fooled often. We shall see how often.
#
# ## 1. A window that slides over words
#
# In *not very good* the meaning sits in three neighbours. So look at the text through a window of $k$ words, and slide it. A **kernel** holds one weight for each number in the window. At each place, multiply what you see with the weights and sum up:
# one number says how much this place looks like what the kernel is searching for. In one dimension:
#
# ```
# X = 0 1 2 3 4 5 6        kernel 1 2
#     [0 1] -> 0*1 + 1*2 = 2
#       [1 2] -> 1*1 + 2*2 = 5     and so on: 7 - 2 + 1 = 6 places
# ```
#
# A word is not one number but a vector. Its coordinates are the **channels**: the kernel has a row for each channel, and everything in the window is summed up.
#
# ### Exercise 1: a convolution over words
#
# `X` has a row for each channel and a column for each word. `K` has the same channels and $k$ columns. Return the sum of products at each place of the window, from left to right. (Deep learning calls this a convolution; strictly it is a cross-correlation: the kernel is not
# turned round.)

# %% nbgrader={"grade": false, "grade_id": "corr1d", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def corr1d(X, K):
    """Slide K over X. X: (channels, words), K: (channels, k) NDArrays; returns (words - k + 1,) NDArray."""
    ### BEGIN SOLUTION
    k = K.shape[1]
    places = range(X.shape[1] - k + 1)
    return nd.array([(X[:, i:i + k] * K).sum().asscalar() for i in places])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_corr1d_one_channel", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "corr1d" in dir(), "Run the cell of exercise 1 first: there is no corr1d yet."

import numpy
from mxnet import nd as _nd


def _corr1d(X, K):
    """The answer as a numpy array, after a look at what it is."""
    found = corr1d(_nd.array(X), _nd.array(K))
    assert found is not None, "corr1d returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"corr1d must return an array of numbers; you have {found!r:.80}."
    )
    places = numpy.shape(X)[1] - numpy.shape(K)[1] + 1
    assert found.shape == (places,), (
        f"A window of {numpy.shape(K)[1]} fits into {numpy.shape(X)[1]} words at {places} places, so "
        f"the shape is ({places},); yours is {found.shape}."
    )
    return found


# The example of Dive into Deep Learning and JSALT 2019 (05_convolutions).
_found = _corr1d([[0, 1, 2, 3, 4, 5, 6]], [[1, 2]])
assert _found.tolist() == [2, 5, 8, 11, 14, 17], (
    "The kernel (1, 2) on 0 to 6 gives 0*1 + 1*2 = 2, then 1*1 + 2*2 = 5: [2, 5, 8, 11, 14, 17]; "
    f"you have {_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(15):
    _n = int(_rng.integers(1, 10))
    _k = int(_rng.integers(1, _n + 1))
    _X, _K = _rng.integers(-5, 6, size=(1, _n)), _rng.integers(-5, 6, size=(1, _k))
    _expected = numpy.correlate(_X[0], _K[0], "valid")
    _found = _corr1d(_X, _K)
    assert numpy.allclose(_found, _expected, atol=1e-4), (
        f"{_X.tolist()} through the kernel {_K.tolist()} gives {_expected.tolist()}; you have "
        f"{_found.tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 1: the window slides.")

# %% nbgrader={"grade": true, "grade_id": "check_corr1d_channels", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "corr1d" in dir(), "Run the cell of exercise 1 first: there is no corr1d yet."

import numpy
from mxnet import nd as _nd


def _corr1d_channels(X, K):
    """The answer as a numpy array, after a look at what it is."""
    found = corr1d(_nd.array(X), _nd.array(K))
    assert found is not None, "corr1d returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"corr1d must return an array of numbers; you have {found!r:.80}."
    )
    places = numpy.shape(X)[1] - numpy.shape(K)[1] + 1
    assert found.shape == (places,), (
        f"All channels are summed up, so there is one number for each of the {places} places; the "
        f"shape of yours is {found.shape}."
    )
    return found


# The example of Dive into Deep Learning and JSALT 2019 (05_convolutions).
_X = [[0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7], [2, 3, 4, 5, 6, 7, 8]]
_found = _corr1d_channels(_X, [[1, 2], [3, 4], [-1, -3]])
assert _found.tolist() == [2, 8, 14, 20, 26, 32], (
    "The three channels of the book's example give [2, 8, 14, 20, 26, 32]: each channel has its own "
    f"row of the kernel, and all products are summed up; you have {_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(15):
    _c, _n = int(_rng.integers(2, 5)), int(_rng.integers(2, 9))
    _k = int(_rng.integers(1, _n + 1))
    _X, _K = _rng.normal(size=(_c, _n)), _rng.normal(size=(_c, _k))
    _expected = sum(numpy.correlate(x, kernel, "valid") for x, kernel in zip(_X, _K))
    _found = _corr1d_channels(_X, _K)
    assert numpy.allclose(_found, _expected, atol=1e-4), (
        f"{_X.round(2).tolist()} through the kernel {_K.round(2).tolist()} gives "
        f"{_expected.round(3).tolist()}; you have {_found.round(3).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 1: the channels are summed up.")

# %% [markdown]
# A kernel made by hand: two channels, "negates" and "praises". Where does it fire?

# %% tags=["picture"]
words = "the plot is not very good . the hall was not full and the cast is good".split()
X = nd.array([[word == "not" for word in words], [word == "good" for word in words]])  # (2, words)
K = nd.array([[1, 0, 0], [0, 0, 1]])  # "not" in the first place, "good" in the third
try:
    found = corr1d(X, K).asnumpy()
    fig, ax = plt.subplots(figsize=(10, 2.6))
    ax.bar(range(len(found)), found, color=[ORANGE if value == 2 else BLUE for value in found])
    ax.set_xticks(range(len(found)), [" ".join(words[i:i + 3]) for i in range(len(found))], rotation=60, size=8, ha="right")
    ax.set(ylabel="answer", title="A window for “not ... good”: 2 only where both stand", yticks=[0, 1, 2])
    plt.show()
except NotImplementedError:
    print("Exercise 1 is still open: come back to this picture when it passes.")

# %% [markdown]
# A network has many such kernels, and learns their weights itself.
#
# ## 2. A batch is a rectangle
#
# To be quick, a network takes many sentences at once, as one array with a row for each. Shorter sentences are filled up with a **padding** number, and we must remember how long each really is: its **valid length**.
#
# ### Exercise 2: a padded batch
#
# `sentences` is a list of lists of word numbers, with at least one word in all. Clip each sentence after `max_length` words. Then fill up with `pad` **on the right**, as far as the longest sentence that is left (not further: padding costs time).
# Return the batch and the valid lengths. The given lists must stay as they are.

# %% nbgrader={"grade": false, "grade_id": "pad_batch", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def pad_batch(sentences, pad, max_length):
    """Returns two NDArrays: tokens (n, longest) and valid lengths (n,)."""
    ### BEGIN SOLUTION
    clipped = [sentence[:max_length] for sentence in sentences]
    valid_length = [len(sentence) for sentence in clipped]
    longest = max(valid_length)
    rows = [sentence + [pad] * (longest - len(sentence)) for sentence in clipped]
    return nd.array(rows), nd.array(valid_length)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_pad_tokens", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "pad_batch" in dir(), "Run the cell of exercise 2 first: there is no pad_batch yet."

import numpy
from mxnet import nd as _nd


def _tokens(sentences, pad, max_length):
    """The batch as a numpy array, after a look at what came."""
    given = [list(sentence) for sentence in sentences]
    found = pad_batch(given, pad, max_length)
    assert isinstance(found, (list, tuple)) and len(found) == 2, (
        f"pad_batch must return two arrays, the tokens and the valid lengths; you have {found!r:.80}."
    )
    assert given == sentences, (
        f"The sentences that were handed in have changed, from {sentences} to {given}: make new lists."
    )
    found = found[0].asnumpy() if type(found[0]) is _nd.NDArray else found[0]
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"The tokens are an array of numbers; you have {found!r:.80}."
    )
    longest = min(max_length, max(map(len, sentences)))
    assert found.shape == (len(sentences), longest), (
        f"{len(sentences)} sentences, the longest with {longest} words when clipped at "
        f"{max_length}, make a batch of the shape {(len(sentences), longest)}; yours has {found.shape}."
    )
    return found


_found = _tokens([[7, 8, 9], [5]], 0, 10)
assert _found.tolist() == [[7, 8, 9], [5, 0, 0]], (
    "[[7, 8, 9], [5]] becomes [[7, 8, 9], [5, 0, 0]]: padding on the right; you have "
    f"{_found.tolist()}."
)
_found = _tokens([[7, 8, 9], [5]], 1, 2)
assert _found.tolist() == [[7, 8], [5, 1]], (
    "Clipped after 2 words and padded with 1, [[7, 8, 9], [5]] becomes [[7, 8], [5, 1]]; you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(20):
    _sentences = [_rng.integers(3, 90, size=_rng.integers(0, 7)).tolist() for _ in range(_rng.integers(1, 6))]
    _sentences[0].append(5)
    _pad, _most = int(_rng.integers(0, 3)), int(_rng.integers(1, 9))
    _longest = min(_most, max(map(len, _sentences)))
    _expected = [(each[:_most] + [_pad] * _longest)[:_longest] for each in _sentences]
    _found = _tokens(_sentences, _pad, _most)
    assert _found.tolist() == _expected, (
        f"{_sentences}, clipped at {_most} and padded with {_pad}, is {_expected}; you have "
        f"{_found.tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 2: a rectangle.")

# %% nbgrader={"grade": true, "grade_id": "check_pad_lengths", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "pad_batch" in dir(), "Run the cell of exercise 2 first: there is no pad_batch yet."

import numpy
from mxnet import nd as _nd


def _lengths(sentences, pad, max_length):
    """The valid lengths as a list, after a look at what came."""
    found = pad_batch([list(sentence) for sentence in sentences], pad, max_length)
    assert isinstance(found, (list, tuple)) and len(found) == 2, (
        f"pad_batch must return two arrays, the tokens and the valid lengths; you have {found!r:.80}."
    )
    found = found[1].asnumpy() if type(found[1]) is _nd.NDArray else found[1]
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"The valid lengths are an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == (len(sentences),), (
        f"{len(sentences)} sentences have {len(sentences)} valid lengths; the shape of yours is "
        f"{found.shape}."
    )
    return found.tolist()


_found = _lengths([[7, 8, 9], [5]], 0, 10)
assert _found == [3, 1], f"[[7, 8, 9], [5]] has the valid lengths [3, 1]; you have {_found}."
_found = _lengths([[7, 8, 9], [0, 5]], 0, 2)
assert _found == [2, 2], (
    "Clipped after 2 words, both sentences have 2 (a word with the number of the padding is still a "
    f"word: count before you pad); you have {_found}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(15):
    _sentences = [_rng.integers(0, 4, size=_rng.integers(0, 7)).tolist() for _ in range(_rng.integers(1, 6))]
    _sentences[0].append(5)
    _most = int(_rng.integers(1, 9))
    _expected = [min(len(each), _most) for each in _sentences]
    _found = _lengths(_sentences, 0, _most)
    assert _found == _expected, (
        f"{_sentences}, clipped at {_most}, has the valid lengths {_expected}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 2: the lengths are kept.")

# %% tags=["picture"]
numbers = {}
sentences = [[numbers.setdefault(word, len(numbers) + 1) for word in review.split()] for review in reviews[3:9]]
try:
    tokens, valid_length = pad_batch(sentences, 0, 24)
    fig, ax = plt.subplots(figsize=(11, 2.6))
    image = tokens.asnumpy()
    ax.imshow(np.where(image > 0, 20 + image, 0), cmap="Blues", vmax=150, aspect="auto")
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            ax.text(j, i, f"{image[i, j]:.0f}", ha="center", va="center", size=8, color="black" if image[i, j] else GREY)
    ax.set_yticks(range(6), [f"{length:.0f} words" for length in valid_length.asnumpy()])
    ax.set(title="Six reviews as one batch, clipped after 24 words", xlabel="place")
    ax.spines[:].set_visible(False)
    plt.show()
except NotImplementedError:
    print("Exercise 2 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 3. Put equal lengths together
#
# Our reviews have between 4 and 70 words. In a batch drawn at random, one long review makes all others long, and the machine multiplies padding. If reviews of about the same length are put
# together, there is little to fill. Then the **order of the batches** must be shuffled: a network that sees all short reviews first and all long ones last forgets the short ones.
#
# ### Exercise 3: batches of equal lengths
#
# Return a list of batches; each is a list of places in `lengths`. Every place occurs exactly once. All batches have `batch_size` places; only one of them may have fewer. Each batch holds neighbours in the order of
# length. The batches come in random order: `random.Random(seed)` has a method `shuffle`, and with the same seed it always gives the same order.

# %% nbgrader={"grade": false, "grade_id": "bucket_batches", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def bucket_batches(lengths, batch_size, seed):
    """Batches of about equal length, in random order. lengths: list of int; returns list of lists of int."""
    ### BEGIN SOLUTION
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    batches = [order[i:i + batch_size] for i in range(0, len(order), batch_size)]
    random.Random(seed).shuffle(batches)
    return batches
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_buckets_complete", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "bucket_batches" in dir(), "Run the cell of exercise 3 first: there is no bucket_batches yet."

import numpy


def _whole_batches(lengths, batch_size, seed):
    """The answer, after a look at what it is."""
    given = list(lengths)
    found = bucket_batches(given, batch_size, seed)
    assert isinstance(found, (list, tuple)) and all(isinstance(each, (list, tuple)) for each in found), (
        f"bucket_batches must return a list of lists; you have {found!r:.80}."
    )
    assert all(isinstance(i, (int, numpy.integer)) for batch in found for i in batch), (
        f"A batch holds places, which are whole numbers; you have {found!r:.80}."
    )
    assert given == list(lengths), "The list of lengths that was handed in has changed: sort a new list."
    return found


_rng = numpy.random.default_rng()
for _n, _size in [(5, 2), (6, 3), (1, 4), *zip(_rng.integers(2, 80, 12), _rng.integers(2, 9, 12))]:
    _lengths = _rng.integers(4, 70, size=int(_n)).tolist()
    _found = _whole_batches(_lengths, int(_size), 0)
    _places = sorted(i for batch in _found for i in batch)
    assert _places == list(range(_n)), (
        f"Each of the places 0 to {_n - 1} occurs exactly once; yours, sorted, are {_places}."
    )
    _sizes = sorted(map(len, _found))
    _expected = sorted([_size] * (_n // _size) + ([_n % _size] if _n % _size else []))
    assert _sizes == _expected, (
        f"{_n} places in batches of {_size} make batches of the sizes {list(map(int, _expected))}; "
        f"yours have {_sizes}."
    )
    # That the places are not simply numbered through is the idea: neighbours in length.
    _spans = sorted((min(_lengths[i] for i in batch), max(_lengths[i] for i in batch)) for batch in _found)
    assert all(one[1] <= other[0] for one, other in zip(_spans, _spans[1:])), (
        "Each batch holds neighbours in the order of length, so no two batches overlap; yours go "
        f"from and to {_spans}."
    )
print("Exercise 3: every review once, equal lengths together.")

# %% nbgrader={"grade": true, "grade_id": "check_buckets_padding", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "bucket_batches" in dir(), "Run the cell of exercise 3 first: there is no bucket_batches yet."

import numpy


def _padding(lengths, batches):
    """How many padding numbers the batches need."""
    return sum(max(lengths[i] for i in batch) - lengths[j] for batch in batches for j in batch)


def _batches(lengths, batch_size, seed):
    """The answer, after a look at what it is."""
    found = bucket_batches(list(lengths), batch_size, seed)
    assert isinstance(found, (list, tuple)) and all(isinstance(each, (list, tuple)) for each in found), (
        f"bucket_batches must return a list of lists; you have {found!r:.80}."
    )
    places = [i for batch in found for i in batch]
    assert all(isinstance(i, (int, numpy.integer)) for i in places), (
        f"A batch holds places, which are whole numbers; you have {found!r:.80}."
    )
    assert set(places) == set(range(len(lengths))) and max(map(len, found)) <= batch_size, (
        f"All {len(lengths)} places must occur, in batches of at most {batch_size}; you have {found!r:.80}."
    )
    return found


_lengths = [9, 2, 8, 3, 9, 2]
_found = _padding(_lengths, _batches(_lengths, 2, 0))
assert _found == 5, (
    "Sorted, the lengths 9, 2, 8, 3, 9, 2 make the pairs 2 2, 3 8 and 9 9, with 0 + 5 + 0 = 5 padding "
    f"numbers; your batches need {_found}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(5):
    _lengths = (4 + 60 * _rng.random(size=400) ** 2).astype(int).tolist()
    _size = int(_rng.integers(16, 50))
    _unsorted = [list(range(i, min(i + _size, 400))) for i in range(0, 400, _size)]
    _found, _before = _padding(_lengths, _batches(_lengths, _size, 1)), _padding(_lengths, _unsorted)
    assert _found < 0.5 * _before, (
        f"400 reviews in batches of {_size} need {_before} padding numbers if they are not sorted; "
        f"yours need {_found}, and less than half is possible."
    )
### END HIDDEN TESTS
print("Exercise 3: little padding.")

# %% nbgrader={"grade": true, "grade_id": "check_buckets_shuffled", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "bucket_batches" in dir(), "Run the cell of exercise 3 first: there is no bucket_batches yet."

import numpy


def _order(lengths, batch_size, seed):
    """The batches, after a look at what came."""
    found = bucket_batches(list(lengths), batch_size, seed)
    assert isinstance(found, (list, tuple)) and all(isinstance(each, (list, tuple)) for each in found), (
        f"bucket_batches must return a list of lists; you have {found!r:.80}."
    )
    places = sorted(i for batch in found for i in batch if isinstance(i, (int, numpy.integer)))
    assert places == list(range(len(lengths))), (
        f"Each place must occur exactly once; you have {found!r:.80}."
    )
    return [list(batch) for batch in found]


_rng = numpy.random.default_rng()
for _ in range(3):
    _lengths = _rng.permutation(200).tolist()
    _one, _again, _other = (_order(_lengths, 4, seed) for seed in (3, 3, 4))
    assert _one == _again, "The same seed must give the same batches in the same order."
    assert _one != _other, (
        "Another seed must give another order of the batches; yours is the same for the seeds 3 and 4."
    )
    _middles = [numpy.mean([_lengths[i] for i in batch]) for batch in _one]
    _slope = abs(numpy.corrcoef(_middles, range(len(_middles)))[0, 1])
    assert _slope < 0.8, (
        "Your batches still come in the order of length, so the network sees all short reviews "
        "together: shuffle the batches."
    )
print("Exercise 3: the batches come in random order.")

# %% tags=["picture"]
lengths = [len(review.split()) for review in reviews]
at_random = [list(range(i, i + 50)) for i in range(0, 2000, 50)]
fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), gridspec_kw={"width_ratios": [1.3, 1, 1]})
axes[0].hist(lengths, bins=range(0, 76, 3), color=BLUE)
axes[0].set(xlabel="words", ylabel="reviews", title="Lengths of 2,000 reviews")


def draw_batch(ax, batch, title):
    """Words in blue, padding in orange."""
    longest = max(lengths[i] for i in batch)
    image = np.array([[place < lengths[i] for place in range(longest)] for i in batch])
    ax.imshow(np.where(image, 0.75, 0.25), cmap=plt.matplotlib.colors.ListedColormap([ORANGE, BLUE]), aspect="auto", vmin=0, vmax=1)
    ax.set(title=f"{title}:\n{1 - image.mean():.0%} padding", xlabel="place", xlim=(-0.5, 70))
    ax.spines[:].set_visible(False)


draw_batch(axes[1], at_random[0], "a batch at random")
try:
    buckets = bucket_batches(lengths, 50, seed=5)
    draw_batch(axes[2], buckets[0], "one of your batches")
    for name, batches in [("at random", at_random), ("yours", buckets)]:
        numbers = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
        print(f"{name:10} {numbers:6} numbers in all batches, {1 - sum(lengths) / numbers:.0%} of them padding")
except NotImplementedError:
    axes[2].set_title("(exercise 3 is still open)")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## 4. The network
#
# 1. **Embedding**: each word number becomes a vector. `(n, words)` → `(n, words, embed_size)`.
# 2. **Convolutions** with windows of 2, 3 and 5 words, `num_channels` kernels each, and `relu`, which sets negative answers to 0. `nn.Conv1D` wants the channels before the words: `(n, embed_size, words)` → `(n, num_channels, places)`.
# 3. **Max over time**: of each kernel keep its largest answer, wherever it was. *not good* counts at the beginning as much as at the end. → `(n, num_channels)` for each width.
# 4. Concatenated, these go through `self.output` to two logits, one for bad, one for good.
#
# Step 3 is the place where padding gets in: the maximum may come from a window that stands on padding. A sentence with `valid_length` words has `valid_length - width + 1` windows without padding. So multiply the answers at all later places by 0:
# after `relu` nothing is below 0, and a 0 never wins against an answer.
#
# A sentence that is shorter than the window has no window without padding. By our rule it keeps **one**, the first. (All batches here are at least 5 wide.)
#
# ### Exercise 4: a network that padding cannot fool
#
# Write `forward`. Useful: `.transpose((0, 2, 1))`, `.relu()`, `.max(axis=...)`, `nd.concat(*arrays, dim=1)`, `nd.arange(n)` for the numbers of the places, `nd.maximum(x, 1)`, and comparisons, which broadcast and give zeros and ones: `(1, 1, places) < (n, 1, 1)`.

# %% nbgrader={"grade": false, "grade_id": "textcnn", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
class TextCNN(nn.Block):
    """Two logits for each sentence, from windows of 2, 3 and 5 words."""

    def __init__(self, num_tokens, embed_size=24, num_channels=24):
        super().__init__()
        self.widths = [2, 3, 5]
        self.embedding = nn.Embedding(num_tokens, embed_size)
        self.convs = nn.Sequential()
        for width in self.widths:
            self.convs.add(nn.Conv1D(num_channels, width, in_channels=embed_size))
        self.output = nn.Sequential()
        self.output.add(nn.Dropout(0.3), nn.Dense(2, in_units=num_channels * len(self.widths)))

    def forward(self, tokens, valid_length):
        """tokens: (n, words) NDArray; valid_length: (n,) NDArray; returns (n, 2) NDArray."""
        ### BEGIN SOLUTION
        X = self.embedding(tokens).transpose((0, 2, 1))  # (n, embed_size, words)
        largest = []
        for width, conv in zip(self.widths, self.convs):
            H = conv(X).relu()  # (n, num_channels, places)
            windows = nd.maximum(valid_length - width + 1, 1).reshape((-1, 1, 1))
            mask = nd.arange(H.shape[2]).reshape((1, 1, -1)) < windows  # (n, 1, places)
            largest.append((H * mask).max(axis=2))
        return self.output(nd.concat(*largest, dim=1))
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_network_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "TextCNN" in dir(), "Run the cell of exercise 4 first: there is no TextCNN yet."

import numpy
from mxnet import nd as _nd


def _network(rng, num_tokens=20, embed_size=4, num_channels=3):
    """A network of yours with weights that we know."""
    net = TextCNN(num_tokens, embed_size, num_channels)
    net.initialize()
    weights = {"embedding": rng.normal(size=(num_tokens, embed_size))}
    net.embedding.weight.set_data(_nd.array(weights["embedding"]))
    for i, width in enumerate((2, 3, 5)):
        weights[width] = rng.normal(size=(num_channels, embed_size, width)), rng.normal(size=num_channels)
        net.convs[i].weight.set_data(_nd.array(weights[width][0]))
        net.convs[i].bias.set_data(_nd.array(weights[width][1]))
    weights["output"] = rng.normal(size=(2, 3 * num_channels)), rng.normal(size=2)
    net.output[1].weight.set_data(_nd.array(weights["output"][0]))
    net.output[1].bias.set_data(_nd.array(weights["output"][1]))
    return net, weights


def _logits_of(weights, tokens):
    """The logits of one sentence without padding, place by place."""
    X = weights["embedding"][tokens].T
    largest = []
    for width in (2, 3, 5):
        kernels, bias = weights[width]
        places = range(len(tokens) - width + 1)
        H = [[(X[:, i:i + width] * K).sum() + b for i in places] for K, b in zip(kernels, bias)]
        largest.extend(numpy.maximum(H, 0).max(axis=1))
    return weights["output"][0] @ largest + weights["output"][1]


def _logits(net, tokens, valid_length):
    """The answer as a numpy array, after a look at what it is."""
    found = net(_nd.array(tokens), _nd.array(valid_length))
    assert found is not None, "forward returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"forward must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == (len(tokens), 2), (
        f"Each sentence has two logits, so the shape is ({len(tokens)}, 2); yours is {found.shape}."
    )
    assert numpy.isfinite(found).all(), f"Logits are finite numbers; you have {found.tolist()}."
    return found


_rng = numpy.random.default_rng()
_net, _weights = _network(_rng)
_found = _logits(_net, [[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8], [1, 4, 1, 4, 2, 1]], [6, 6, 6])
_sentence = _logits(_net, [[3, 1, 4, 1, 5, 9]], [6])
assert numpy.allclose(_found[:1], _sentence, atol=1e-4), (
    "A sentence must get the same logits alone and beside others of the same length; alone it has "
    f"{_sentence[0].round(3).tolist()}, in a batch {_found[0].round(3).tolist()}."
)
_expected = _logits_of(_weights, [3, 1, 4, 1, 5, 9])
assert numpy.allclose(_sentence[0], _expected, atol=1e-3), (
    "Without any padding the logits of this sentence are "
    f"{_expected.round(3).tolist()}; you have {_sentence[0].round(3).tolist()}. Embedding, convolution, "
    "relu, the maximum over the places, concatenation in the order of the widths, output."
)
### BEGIN HIDDEN TESTS
for _ in range(6):
    _net, _weights = _network(_rng, embed_size=int(_rng.integers(2, 6)), num_channels=int(_rng.integers(1, 5)))
    _batch = _rng.integers(0, 20, size=(int(_rng.integers(1, 5)), int(_rng.integers(5, 10))))
    _found = _logits(_net, _batch, [_batch.shape[1]] * len(_batch))
    _expected = numpy.array([_logits_of(_weights, row) for row in _batch])
    assert numpy.allclose(_found, _expected, atol=1e-3), (
        f"For the sentences {_batch.tolist()}, none of them padded, your logits differ from the formula "
        f"by up to {abs(_found - _expected).max():.3f}."
    )
### END HIDDEN TESTS
print("Exercise 4: right on sentences without padding.")

# %% nbgrader={"grade": true, "grade_id": "check_network_padding", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "TextCNN" in dir(), "Run the cell of exercise 4 first: there is no TextCNN yet."

import numpy
from mxnet import nd as _nd


def _padded_network(rng):
    """A network of yours with random weights; they stand in the second result."""
    net = TextCNN(20, 4, 3)
    net.initialize()
    weights = {"embedding": rng.normal(size=(20, 4)) * 2, "output": (rng.normal(size=(2, 9)), rng.normal(size=2))}
    net.embedding.weight.set_data(_nd.array(weights["embedding"]))
    for i, width in enumerate((2, 3, 5)):
        weights[width] = rng.normal(size=(3, 4, width)), rng.uniform(0, 1, size=3)
        net.convs[i].weight.set_data(_nd.array(weights[width][0]))
        net.convs[i].bias.set_data(_nd.array(weights[width][1]))
    net.output[1].weight.set_data(_nd.array(weights["output"][0]))
    net.output[1].bias.set_data(_nd.array(weights["output"][1]))
    return net, weights


def _logits_without_padding(weights, tokens):
    """The logits of one sentence, place by place; short sentences keep one window, padded with 0."""
    largest = []
    for width in (2, 3, 5):
        kernels, bias = weights[width]
        X = weights["embedding"][[*tokens, *[0] * (width - len(tokens))]].T
        places = range(X.shape[1] - width + 1)
        H = [[(X[:, i:i + width] * K).sum() + b for i in places] for K, b in zip(kernels, bias)]
        largest.extend(numpy.maximum(H, 0).max(axis=1))
    return weights["output"][0] @ largest + weights["output"][1]


def _padded_logits(net, sentences, longest):
    """The logits of the sentences in one batch that is `longest` wide."""
    tokens = [[*sentence, *[0] * (longest - len(sentence))] for sentence in sentences]
    found = net(_nd.array(tokens), _nd.array([len(sentence) for sentence in sentences]))
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"forward must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == (len(sentences), 2), (
        f"Each sentence has two logits, so the shape is ({len(sentences)}, 2); yours is {found.shape}."
    )
    assert numpy.isfinite(found).all(), f"Logits are finite numbers; you have {found.tolist()}."
    return found


_rng = numpy.random.default_rng()
_net, _weights = _padded_network(_rng)
_sentence, _other = [3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8]
_alone = _padded_logits(_net, [_sentence], 6)
assert not numpy.allclose(_alone, _padded_logits(_net, [_other], 6)), (
    "Two different sentences get exactly the same logits: the words have no say in your answer."
)
for _longest in (7, 8, 12, 30):
    _found = _padded_logits(_net, [_sentence], _longest)
    assert numpy.allclose(_found, _alone, atol=1e-4), (
        f"The same sentence with {_longest - 6} padding numbers behind it has the logits "
        f"{_found[0].round(3).tolist()} instead of {_alone[0].round(3).tolist()}: a window that stands on "
        "padding has won, if only with its last place."
    )
### BEGIN HIDDEN TESTS
for _ in range(12):
    _net, _weights = _padded_network(_rng)
    _sentences = [_rng.integers(0, 20, size=_rng.integers(1, 9)).tolist() for _ in range(_rng.integers(2, 6))]
    _longest = max(5, *map(len, _sentences)) + int(_rng.integers(0, 4))
    _found = _padded_logits(_net, _sentences, _longest)
    for _row, _words in zip(_found, _sentences):
        _expected = _logits_without_padding(_weights, _words)
        assert numpy.allclose(_row, _expected, atol=1e-3), (
            f"The sentence {_words} in a batch of {len(_sentences)} that is {_longest} wide must have the "
            f"logits {_expected.round(3).tolist()}, as it has alone; you have {_row.round(3).tolist()}."
        )
### END HIDDEN TESTS
print("Exercise 4: padding does not matter.")

# %% [markdown]
# ## 5. Let it learn
#
# Here is the training loop (the lab about fitting writes one). It turns reviews into word numbers and takes padding and batches of equal lengths from **gluonnlp**, which has both ready: `batchify.Pad` and `FixedBucketSampler`. (Now you know what they do.)

# %% nbgrader={"grade": false, "grade_id": "learning", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def trained_with(Network, learning_rate=0.005):
    """A function that trains a network of this class on reviews and returns its `predict`.

    Without `mask`, the network is told that padding is words, and every batch has a long tail of it.
    """

    def learn(reviews, labels, num_epochs=6, watch=None, mask=True):
        words = sorted({word for review in reviews for word in review.split()})
        vocab = {word: number for number, word in enumerate(words, start=2)}  # 0: padding, 1: unknown
        fill, least = nlp.data.batchify.Pad(axis=0, pad_val=0), [0] * 5

        def batch_of(texts, extra):
            """Tokens and valid lengths. At least 5 places, and `extra` padding numbers more."""
            sentences = [[vocab.get(word, 1) for word in text.split()] for text in texts]
            rows = [sentence + least[len(sentence):] + [0] * extra for sentence in sentences]
            tokens = fill(rows).astype("float32")
            lengths = [len(sentence) if mask else tokens.shape[1] for sentence in sentences]
            return tokens, nd.array(lengths)

        def predict(texts, extra=0):
            """How probable it is that each text is good."""
            good = []
            for start in range(0, len(texts), 100):
                batch = batch_of(texts[start:start + 100], extra)
                good += nd.softmax(net(*batch))[:, 1].asnumpy().tolist()
            return good

        mx.random.seed(1)
        np.random.seed(1)
        net = Network(len(vocab) + 2)
        net.initialize(mx.init.Xavier())
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": learning_rate})
        lengths = [len(review.split()) for review in reviews]
        sampler = nlp.data.FixedBucketSampler(lengths, batch_size=50, num_buckets=6, shuffle=True)
        for _ in range(num_epochs):
            for batch in sampler:
                tokens, valid_length = batch_of([reviews[i] for i in batch], 0 if mask else 10)
                with autograd.record():
                    l = loss(net(tokens, valid_length), nd.array([labels[i] for i in batch])).mean()
                l.backward()
                trainer.step(1, ignore_stale_grad=True)
            if watch:
                watch(predict)
        return predict

    return learn


learn = trained_with(TextCNN)  # your network


def share_right(probabilities, labels):
    return float(np.mean([(p > 0.5) == label for p, label in zip(probabilities, labels)]))


# %% [markdown]
# For comparison, a network that has no windows: it takes the mean over the words, so it knows *which* words occur and not in which order. Its accuracy on new reviews after each epoch, beside yours:

# %% tags=["picture", "slow"]
class BagOfWords(nn.Block):
    """Two logits from the mean over all words."""

    def __init__(self, num_tokens):
        super().__init__()
        self.embedding = nn.Embedding(num_tokens, 2)

    def forward(self, tokens, valid_length):
        mask = nd.arange(tokens.shape[1]).expand_dims(0) < valid_length.expand_dims(1)  # (n, words)
        return (self.embedding(tokens) * mask.expand_dims(2)).sum(axis=1) / valid_length.expand_dims(1)


curves = {"your TextCNN": [], "bag of words": []}


def watch(name):
    """A function that notes the accuracy on new reviews after each epoch."""
    return lambda predict: curves[name].append(share_right(predict(new_reviews), new_labels))


try:
    predict = learn(reviews, labels, watch=watch("your TextCNN"))
    trained_with(BagOfWords, 0.1)(reviews, labels, watch=watch("bag of words"))
    fig, ax = plt.subplots()
    for (name, curve), color in zip(curves.items(), [BLUE, GREY]):
        ax.plot(range(1, 7), curve, "o-", color=color)
        ax.text(6.1, curve[-1], f"{name} {curve[-1]:.2f}", color=color, va="center")
    ax.axhline(0.5, color=GREY, lw=1, ls=":")
    ax.set(xlabel="epoch", ylabel="right on new reviews", ylim=(0.45, 1.02), xlim=(0.8, 7.6), xticks=range(1, 7),
           title="The order of words matters")
    plt.show()
except NotImplementedError:
    print("Exercise 4 is still open: come back to this picture when it passes.")

# %% [markdown]
# The bag of words is right when the opinion is plain. *The plot is anything but dull* it cannot get, whatever its weights.
#
# ### Exercise 4, once more: does it learn?
#
# The last graded check gives every word a new, meaningless name, lets your network learn, and asks about reviews that it has not seen.

# %% tags=["slow"] nbgrader={"grade": true, "grade_id": "check_network_learns", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "TextCNN" in dir(), "Run the cell of exercise 4 first: there is no TextCNN yet."
try:
    learn
except NameError:
    raise AssertionError("Run the cell of section 5 first: there is no `learn` yet.") from None

import json as _json
import random as _random
from pathlib import Path as _Path


def _read(name):
    lines = _Path("data", name).read_text(encoding="utf-8").splitlines()
    return [line[2:] for line in lines], [int(line[0]) for line in lines]


_rng = _random.Random()
_names = {}


def _renamed(text):
    """The text with every word replaced by its new name."""
    return " ".join(_names.setdefault(word, f"w{_rng.randrange(10**9)}") for word in text.split())


def _share_right(texts, labels):
    found = _predict([_renamed(text) for text in texts])
    assert isinstance(found, list) and all(isinstance(p, float) for p in found), (
        f"The trained network must give one probability for each review; it gave {found!r:.80}."
    )
    return sum((p > 0.5) == label for p, label in zip(found, labels)) / len(labels)


_texts, _labels = _read("reviews.csv")
try:
    _predict = learn([_renamed(text) for text in _texts], _labels)
except Exception as _error:
    _last_line = (str(_error).strip() or repr(_error)).splitlines()[-1]
    raise AssertionError(
        f"The loop of section 5 could not train your network and stopped with: {_last_line:.160}."
    ) from None
# Ten seeds (margins.py) gave 0.970 to 0.990 on these and on fresh reviews; a bag of words has about 0.65.
_right = _share_right(*_read("new_reviews.csv"))
assert _right >= 0.92, (
    f"After training your network is right on {_right:.0%} of the new reviews; with windows of 2, 3 and 5 "
    "words 92 % and more are possible. Does each kernel see neighbours, in their order?"
)
### BEGIN HIDDEN TESTS
_grammar = _json.loads(_Path("data/grammar.json").read_text(encoding="utf-8"))


def _clause(label):
    kind = _rng.choices(list(_grammar["shares"]), list(_grammar["shares"].values()))[0]
    said = 1 - label if kind == "negated" else label
    things = _grammar["things"].split("|")
    return _rng.choice(_grammar[kind]).format(
        adjective=_rng.choice(_grammar["adjectives"][str(said)].split()),
        other=_rng.choice(_grammar["adjectives"][str(1 - said)].split()),
        thing=_rng.choice(things), second=_rng.choice(things),
        degree=_rng.choice(_grammar["degrees"].split("|")), remark=_rng.choice(_grammar["remarks"]),
    )


def _review(label):
    before = _rng.sample(_grammar["remarks"], _rng.choice([0, 0, 1, 1, 2, 4]))
    after = _rng.sample(_grammar["remarks"], _rng.choice([0, 0, 1, 1, 2]))
    return " ".join(" . ".join([*before, _clause(label), *after]).split())


_fresh_labels = [_rng.randrange(2) for _ in range(600)]
_right = _share_right([_review(label) for label in _fresh_labels], _fresh_labels)
assert _right >= 0.92, (
    f"Your network is right on {_right:.0%} of 600 fresh reviews; 92 % and more are possible."
)
### END HIDDEN TESTS
print("Exercise 4: it learns, whatever the words are called.")

# %% [markdown]
# ## 6. What the workshop saw, and what the network sees
#
# Back to 2019. Below, some short sentences get more and more padding. On the left is your network, and nothing moves. On the right is the same network after somebody told it that every place is a word: it has always seen a long tail of
# padding, and it is about as good on reviews that have one. But the answer to one and the same sentence wanders, and some cross the line: the end of the text is something it knows only with a tail.

# %% tags=["picture", "slow"]
sentences = ["the film is so great", "the film is so bad",
             "the plot is bad . then we took the last bus home . the music is lovely",
             "the plot is lovely . then we took the last bus home . the music is bad"]
try:
    blind = learn(reviews, labels, num_epochs=4, mask=False)
    fig, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True)
    for ax, answer, title in [(axes[0], predict, "with the valid length"), (axes[1], blind, "padding taken for words")]:
        wander = np.array([[answer([sentence], extra)[0] for sentence in sentences] for extra in range(0, 11)])
        for i, (sentence, color) in enumerate(zip(sentences, [BLUE, ORANGE, GREEN, GREY])):
            ax.plot(range(0, 11), wander[:, i], "o-", ms=3, color=color, label=sentence)
        ax.axhline(0.5, color=GREY, lw=1, ls=":")
        ax.set(xlabel="padding numbers", title=title, ylim=(-0.03, 1.03))
    axes[0].set_ylabel("probability of “good”")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0), fontsize=9, ncol=2)
    fig.tight_layout()
    plt.show()
    one_by_one = [blind([review])[0] for review in new_reviews[:300]]  # a batch of one needs no padding
    print(f"300 new reviews, the blind network: {share_right(blind(new_reviews[:300], 10), new_labels):.1%} right with a tail, "
          f"{share_right(one_by_one, new_labels):.1%} without")
except (NotImplementedError, NameError):
    print("Exercise 4 is still open: come back to this picture when it passes.")

# %% [markdown]
# And what does it look at? Leave out one word at a time, and see how far the probability of "good" falls (orange) or rises (blue). The last two lines have two opinions, and
# the later one counts. No window sees both, and the maximum forgets **where** a kernel fired. Compare them: what is the network clinging to? The next lab has a network that remembers.

# %% tags=["picture"]
asked = ["the story is anything but dull . we saw it on friday",
         "not long ago we rented it . the cast is great",
         "the plot is bad but the music is lovely",
         "the plot is bad . my sister picked it . the music is lovely",
         "the plot is bad . my sister picked it . the music is lovely . it runs for two hours"]
try:
    fig, ax = plt.subplots(figsize=(13, 3))
    for row, text in enumerate(asked):
        words = text.split()
        whole, *without = predict([text] + [" ".join(words[:i] + words[i + 1:]) for i in range(len(words))])
        ax.text(-0.7, row, f"good: {whole:.2f}", ha="right", va="center")
        for i, word in enumerate(words):
            change = without[i] - whole
            color = plt.cm.Oranges(min(1, -change)) if change < 0 else plt.cm.Blues(min(1, change))
            ax.add_patch(plt.Rectangle((i - 0.47, row - 0.38), 0.94, 0.76, facecolor=color))
            ax.text(i, row, word, ha="center", va="center", size=9, color="white" if abs(change) > 0.6 else "black")
    ax.set(xlim=(-2.2, 18.6), ylim=(len(asked) - 0.4, -0.6))
    ax.axis("off")
    plt.show()
except (NotImplementedError, NameError):
    plt.close("all")
    print("Exercise 4 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## Going further
#
# No points here.
#
# - Give the network a window of 8 words as well. Does it get more of the reviews with two opinions right? What does the wide window cost?
# - Leave out the mask in `forward` and train again. Padding is then the same in training and for new reviews, so the accuracy hardly suffers: that is why nobody noticed in 2019. Then ask about a single short sentence.
# - Replace the maximum by the mean over the valid places. What happens in long reviews?
# - Sort by length, but shuffle the reviews first and sort only within blocks of 20 batches. How much padding comes back, and what is gained?

# %%
# Your own experiments.
