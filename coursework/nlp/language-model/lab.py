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
# # Language modelling: what comes next?
#
# *The dogs near the old teacher ...* Does the next word have an *s*? You looked past *teacher*, back to *dogs*, to decide. A **language model** gives each word of its vocabulary a
# probability of being next. That is all it does, and it is enough to finish your messages, to rank what a translator or a speech recogniser might have heard, and to write texts of its own.
#
# In the workshops of 2018 and 2019 an LSTM with 200 units learnt this from Wikipedia and was, after three epochs, as unsure as somebody who chooses among **185** words
# (a better one: 69). Where such a figure comes from, how such a model is trained on one endless text, and how it writes, is what you build today.
#
# | | you write | points |
# |---|---|---|
# | 1 | batches from one long text | 4 |
# | 2 | perplexity | 3 |
# | 3 | one step of training | 6 |
# | 4 | temperature | 3 |
# | 5 | a sampler | 2 |
# | 6 | a cheap guess at frequencies | 2 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run the check
# below it. A check that fails says in one sentence what to think about. After you submit, the same checks
# run again with more, fresh inputs. The exercises do not depend on each other.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import math
from pathlib import Path

import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn, rnn

plt.rcParams.update({
    "figure.figsize": (9, 3.6), "figure.dpi": 100, "font.size": 11,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
})
BLUE, ORANGE, GREEN, GREY = "#3b6ea8", "#e08e3c", "#5a9a5a", "#9a9a9a"

# %% [markdown]
# ## 1. One long text
#
# The text is made by a small grammar, 50,000 words long. Its verbs agree with their subjects, however far away these stand, *if* waits for *then*, and *both* for *and*. The token `<eos>` ends a sentence.

# %% nbgrader={"grade": false, "grade_id": "load_text", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
vocab = Path("data/vocab.txt").read_text().split()
token_to_idx = {token: number for number, token in enumerate(vocab)}


def load_text(name):
    """The whole text as one list of word numbers."""
    return [token_to_idx[token] for token in Path(f"data/{name}.txt").read_text().split()]


train_ids, valid_ids = load_text("train"), load_text("valid")
print(*Path("data/train.txt").read_text().splitlines()[:7], sep="\n")
print(f"... {len(train_ids):,} words, {len(vocab)} different ones, most frequent first: {vocab[:5]}")

# %% [markdown]
# A network reads several rows at once, so the text is cut into `batch_size` rows of the same length, one below the other. Each row is read from left to right in windows of `num_steps` words. What must come out at each place is the **next** word, so the targets
# are the same windows, shifted by one. Because window 2 begins where window 1 ended, the network can take its memory along.
#
# ### Exercise 1: batches from one long text
#
# Return a list of pairs `(X, Y)` of numpy arrays with the shape `(batch_size, num_steps)`.
#
# - Each row has `n = (len(ids) - 1) // batch_size` words: the last word of all has no next one, and what does not fill a row falls away. Row 0 has the first `n` words, row 1 the next `n`, and so on.
# - `Y` has, at each place, the word that follows in the **text**, also at the end of a row.
# - Windows stand side by side and do not overlap. A last window that is not full falls away.

# %% nbgrader={"grade": false, "grade_id": "bptt_batches", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def bptt_batches(ids, batch_size, num_steps):
    """Windows of a long text: a list of pairs (X, Y). ids: a list of word numbers."""
    ### BEGIN SOLUTION
    n = (len(ids) - 1) // batch_size
    X = np.array(ids[:n * batch_size]).reshape(batch_size, n)
    Y = np.array(ids[1:n * batch_size + 1]).reshape(batch_size, n)
    starts = range(0, n - num_steps + 1, num_steps)
    return [(X[:, start:start + num_steps], Y[:, start:start + num_steps]) for start in starts]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_batches_shift", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "bptt_batches" in dir(), "Run the cell of exercise 1 first: there is no bptt_batches yet."
import numpy


def _batches(ids, batch_size, num_steps):
    """The pairs as plain lists, after a look at their types and shapes."""
    found = bptt_batches(list(ids), batch_size, num_steps)
    assert type(found) in (list, tuple), (
        f"bptt_batches must return a list of pairs, not {type(found).__name__}. Is there a "
        "`return`?"
    )
    pairs = []
    for pair in found:
        assert type(pair) in (list, tuple) and len(pair) == 2, (
            f"Each entry must be a pair (X, Y); you have {pair!r}."
        )
        pair = [part.asnumpy() if type(part).__name__ == "NDArray" else part for part in pair]
        for part in pair:
            assert type(part) is numpy.ndarray and part.shape == (batch_size, num_steps), (
                f"X and Y must be arrays of the shape {(batch_size, num_steps)}; you have "
                f"{type(part).__name__} {getattr(part, 'shape', '')}."
            )
        pairs.append(tuple(part.tolist() for part in pair))
    return pairs


_found = _batches(range(100, 107), 1, 3)
assert len(_found) == 2, (
    "One row of six words (the seventh is only a target) has two windows of three; you have "
    f"{len(_found)}."
)
assert _found[0][0] == [[100, 101, 102]], (
    f"The first window has the first three words, 100, 101, 102; you have {_found[0][0]}."
)
assert _found[0][1] == [[101, 102, 103]], (
    "At each place the target is the next word, 101, 102, 103; you have "
    f"{_found[0][1]}."
)
assert _found[1][0] == [[103, 104, 105]], (
    "The second window begins where the first ended, 103, 104, 105; you have "
    f"{_found[1][0]}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(12):
    _steps, _windows = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    _ids = rng.integers(0, 50, size=_steps * _windows + 1).tolist()
    _expected = [([_ids[s:s + _steps]], [_ids[s + 1:s + _steps + 1]]) for s in range(0, _steps * _windows, _steps)]
    _found = _batches(_ids, 1, _steps)
    assert _found == _expected, (
        f"The text {_ids} in one row with num_steps={_steps} gives {_expected}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 1: the targets are one word ahead.")

# %% nbgrader={"grade": true, "grade_id": "check_batches_rows", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "bptt_batches" in dir(), "Run the cell of exercise 1 first: there is no bptt_batches yet."
import numpy

rng = numpy.random.default_rng()


def _compare(ids, batch_size, num_steps):
    n = (len(ids) - 1) // batch_size
    expected = [
        tuple([ids[row * n + start + ahead:row * n + start + ahead + num_steps] for row in range(batch_size)] for ahead in (0, 1))
        for start in range(0, n - num_steps + 1, num_steps)
    ]
    found = bptt_batches(list(ids), batch_size, num_steps)
    assert type(found) in (list, tuple) and all(type(pair) in (list, tuple) and len(pair) == 2 for pair in found), (
        f"bptt_batches must return a list of pairs (X, Y); you have {found!r}."
    )
    found = [tuple(part.asnumpy() if type(part).__name__ == "NDArray" else part for part in pair) for pair in found]
    assert all(type(part) is numpy.ndarray for pair in found for part in pair), (
        f"X and Y must be arrays; you have {found!r}."
    )
    found = [tuple(part.tolist() for part in pair) for pair in found]
    assert len(found) == len(expected), (
        f"{len(ids)} words in {batch_size} rows of {n} have {len(expected)} full windows of "
        f"{num_steps}; you have {len(found)}."
    )
    assert found == expected, (
        f"The text {ids} in {batch_size} rows of {n} words with num_steps={num_steps} gives "
        f"{expected}; you have {found}."
    )


_compare(list(range(13)), 2, 3)
_compare(list(range(12)), 2, 2)
### BEGIN HIDDEN TESTS
for _ in range(15):
    _size, _steps = int(rng.integers(2, 5)), int(rng.integers(1, 6))
    _compare(rng.integers(0, 90, size=rng.integers(_size * _steps + 1, 40)).tolist(), _size, _steps)
for _ in range(3):
    _size, _steps, _windows = (int(size) for size in rng.integers(2, 5, size=3))
    _compare(rng.integers(0, 90, size=_size * _steps * _windows + int(rng.integers(0, 2))).tolist(), _size, _steps)
### END HIDDEN TESTS
print("Exercise 1: several rows, nothing lost that could be used.")

# %% [markdown]
# ## 2. How surprised is it?
#
# A model is good if it is not surprised by a text that it has not seen. Take the probability $p_i$ that it gave to each word that really came. **Perplexity** is
#
# $$\exp\left(-\frac{1}{N} \sum_{i=1}^{N} \log p_i\right)$$
#
# and can be read as "as unsure as somebody who throws a die with that many sides". Whoever knows nothing and bets evenly on $V$ words has the perplexity $V$; who is always sure and right has 1.
#
# ### Exercise 2: perplexity
#
# `log_probs` is a list of arrays, one for each batch, with the natural logarithms of the $p_i$. The batches may have **different sizes**, and every word counts the same. Return a Python number.

# %% nbgrader={"grade": false, "grade_id": "perplexity", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def perplexity(log_probs):
    """Perplexity of a text from the log probabilities of its words, a list of numpy arrays."""
    ### BEGIN SOLUTION
    total = sum(float(batch.sum()) for batch in log_probs)
    num_words = sum(batch.size for batch in log_probs)
    return math.exp(-total / num_words)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_perplexity_uniform", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "perplexity" in dir(), "Run the cell of exercise 2 first: there is no perplexity yet."
import numpy


def _perplexity(*batches):
    found = perplexity([numpy.array(batch, dtype=float) for batch in batches])
    assert type(found) in (int, float) or type(found).__name__ in ("float32", "float64"), (
        f"perplexity must return a number, not {type(found).__name__}. Is there a `return`?"
    )
    return float(found)


_found = _perplexity(numpy.log([1 / 53] * 8))
assert abs(_found - 53) < 1e-3, (
    f"Whoever bets evenly on 53 words has the perplexity 53; you have {_found:.3f}."
)
_found = _perplexity([0.0, 0.0])
assert abs(_found - 1) < 1e-6, (
    f"Always sure and right: the logarithm of 1 is 0, and the perplexity is 1; you have {_found}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(10):
    _sides, _shape = int(rng.integers(2, 5000)), tuple(rng.integers(1, 6, size=2))
    _found = _perplexity(*[numpy.full(_shape, -numpy.log(_sides))] * int(rng.integers(1, 4)))
    assert abs(_found / _sides - 1) < 1e-4, (
        f"Whoever bets evenly on {_sides} words has the perplexity {_sides}; you have {_found:.3f}."
    )
### END HIDDEN TESTS
print("Exercise 2: as many sides as the die has.")

# %% nbgrader={"grade": true, "grade_id": "check_perplexity_mean", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "perplexity" in dir(), "Run the cell of exercise 2 first: there is no perplexity yet."
import numpy


def _perplexity(batches):
    found = perplexity([numpy.array(batch, dtype=float) for batch in batches])
    assert type(found) in (int, float) or type(found).__name__ in ("float32", "float64"), (
        f"perplexity must return a number, not {type(found).__name__}. Is there a `return`?"
    )
    return float(found)


_found = _perplexity([numpy.log([0.5, 0.5, 0.5]), numpy.log([0.125])])
assert abs(_found - 2 ** 1.5) < 1e-3, (
    "Three words with 1/2 and, in another batch, one with 1/8: the mean over the four words is "
    f"1.5 * log 2, so the perplexity is 2.828; you have {_found:.3f}. Do all words count the same?"
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(15):
    _batches = [rng.uniform(0.01, 1, size=rng.integers(1, 8, size=2)) for _ in range(int(rng.integers(2, 5)))]
    _all = numpy.concatenate([batch.ravel() for batch in _batches])
    _expected = float(numpy.prod(_all ** (-1 / len(_all))))
    _found = _perplexity([numpy.log(batch) for batch in _batches])
    assert abs(_found / _expected - 1) < 1e-4, (
        f"For batches of {[batch.size for batch in _batches]} words with the probabilities "
        f"{[batch.round(3).tolist() for batch in _batches]} the perplexity is {_expected:.4f}; you "
        f"have {_found:.4f}."
    )
### END HIDDEN TESTS
print("Exercise 2: every word counts the same.")

# %% [markdown]
# The plainest models count. A **unigram** knows how frequent each word is; a **bigram** knows how often each word follows each other word, and remembers nothing else. Whoever trains a network should beat at least these two.

# %% nbgrader={"grade": false, "grade_id": "counting", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
pairs = np.full((len(vocab), len(vocab)), 0.1)  # a tenth of a time for what was never seen
np.add.at(pairs, (train_ids[:-1], train_ids[1:]), 1)
bigram = pairs / pairs.sum(axis=1, keepdims=True)  # row: the word before; column: the word after
unigram = np.bincount(train_ids, minlength=len(vocab)) / len(train_ids)

# %%
try:
    print(f"a die    {len(vocab):6.2f}")
    print(f"unigram  {perplexity([np.log(unigram[valid_ids[1:]])]):6.2f}")
    print(f"bigram   {perplexity([np.log(bigram[valid_ids[:-1], valid_ids[1:]])]):6.2f}")
except NotImplementedError:
    print("Exercise 2 is still open.")

# %% [markdown]
# ## 3. A network with a memory
#
# Embedding, LSTM, and at each place a number for every word of the vocabulary. Together with the logits the network returns its **state**, its memory at the end of the window, and takes it
# along into the next one. (You know all of this from the lab on sentiment; here it is given.)

# %% nbgrader={"grade": false, "grade_id": "language_model", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
class LanguageModel(nn.Block):
    """What comes next, at each place of each row."""

    def __init__(self, num_words, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(num_words, num_hiddens, weight_initializer=init.Uniform(0.5))
        self.encoder = rnn.LSTM(num_hiddens, layout="NTC", input_size=num_hiddens)
        self.output = nn.Dense(num_words, flatten=False, in_units=num_hiddens)

    def begin_state(self, batch_size):
        """An empty memory: a list of two arrays, h and c."""
        return self.encoder.begin_state(batch_size)

    def forward(self, X, state):
        """Logits (batch_size, num_steps, num_words), and the state after the last word."""
        H, state = self.encoder(self.embedding(X), state)
        return self.output(H), state


cross_entropy = gluon.loss.SoftmaxCrossEntropyLoss()  # logits and labels -> one loss for each row

# %% [markdown]
# The gradient of a text of 50,000 words would have to flow back through 50,000 steps. **Truncated backpropagation through time** takes the memory along, but lets the gradient flow back only to the
# beginning of the window: the state is **detached** from its past. `s.detach()` gives an array with the same numbers that knows nothing of where they came from.
#
# ### Exercise 3: one step of training
#
# - Detach each of the arrays in `state`.
# - Under `autograd.record()`: ask the net, and take the mean of `cross_entropy(logits, Y)`.
# - Go `backward()` from there, and let the trainer make a step, `trainer.step(1)`. (1, because the loss is a mean already.)
#
# Return the loss as a Python number, and the **new** state.

# %% nbgrader={"grade": false, "grade_id": "train_step", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def train_step(net, trainer, X, Y, state):
    """One step on one window. X, Y: (batch_size, num_steps). Returns the loss and the new state."""
    ### BEGIN SOLUTION
    state = [s.detach() for s in state]
    with autograd.record():
        logits, state = net(X, state)
        l = cross_entropy(logits, Y).mean()
    l.backward()
    trainer.step(1)
    return float(l.asscalar()), state
    ### END SOLUTION


# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "try_steps", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
# For the checks: they try your train_step on a very small network. You need not read it.
def _answer_of(step, net, trainer, X, Y, state):
    """The loss, the new state, and what is wrong with them, if anything."""
    answer = step(net, trainer, nd.array(X), nd.array(Y), state)
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return None, state, f"train_step must return the loss and the new state; you have {answer!r:.80}. Is there a `return`?"
    l, new = answer
    if not isinstance(l, (int, float, np.floating)):
        return None, state, f"The loss must be a Python number, not {type(l).__name__}: use .asscalar()."
    if not isinstance(new, (tuple, list)) or [getattr(s, "shape", None) for s in new] != [s.shape for s in state]:
        return None, state, f"The new state must be a list of two arrays like the old one; you have {new!r:.80}."
    return float(l), list(new), ""


def try_steps(windows, num_words, num_hiddens, seed, step=train_step):
    """Losses, states and one weight after each window; or a sentence about what went wrong."""
    mx.random.seed(seed)
    net = LanguageModel(num_words, num_hiddens)
    net.initialize(init.Xavier())
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    state, seen = net.begin_state(len(windows[0][0])), []
    for X, Y in windows:
        l, state, problem = _answer_of(step, net, trainer, X, Y, state)
        if problem:
            return problem
        seen.append((l, [s.asnumpy() for s in state], net.embedding.weight.data().asnumpy()))
    return seen


def try_past(X, Y, past, num_words, num_hiddens, step=train_step):
    """The gradient that a step sends into the past of its state, and the new h; or a sentence."""
    mx.random.seed(5)
    net = LanguageModel(num_words, num_hiddens)
    net.initialize(init.Uniform(1))
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0})
    past = nd.array(past)
    past.attach_grad()
    with autograd.record():
        state = [past * 2, past * 3]
    _, new, problem = _answer_of(step, net, trainer, X, Y, state)
    return problem or (past.grad.asnumpy(), new[0].asnumpy())


# %% nbgrader={"grade": true, "grade_id": "check_step_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "train_step" in dir(), "Run the cell of exercise 3 first: there is no train_step yet."
try:
    try_steps
except NameError:
    raise AssertionError("Run the cell above this check first: there is no try_steps yet.") from None
import mxnet as _mx
import numpy
from mxnet import autograd as _autograd
from mxnet import gluon as _gluon
from mxnet import nd as _nd

rng = numpy.random.default_rng()


def _reference(windows, num_words, num_hiddens, seed):
    """The same steps, written out here."""
    _mx.random.seed(seed)
    net = LanguageModel(num_words, num_hiddens)
    net.initialize(_mx.init.Xavier())
    trainer = _gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    state, loss, seen = net.begin_state(len(windows[0][0])), _gluon.loss.SoftmaxCrossEntropyLoss(), []
    for X, Y in windows:
        state = [s.detach() for s in state]
        with _autograd.record():
            logits, state = net(_nd.array(X), state)
            l = loss(logits, _nd.array(Y)).mean()
        l.backward()
        trainer.step(1)
        seen.append((float(l.asscalar()), [s.asnumpy() for s in state], net.embedding.weight.data().asnumpy()))
    return seen


def _compare(batch_size, num_steps, num_words, num_hiddens, num_windows):
    windows = [tuple(rng.integers(0, num_words, size=(batch_size, num_steps)).tolist() for _ in "XY") for _ in range(num_windows)]
    seed = int(rng.integers(1, 10**6))
    found = try_steps(windows, num_words, num_hiddens, seed)
    assert type(found) in (list, tuple), f"{found}"
    expected = _reference(windows, num_words, num_hiddens, seed)
    for number, (one, two) in enumerate(zip(found, expected), start=1):
        assert abs(one[0] - two[0]) < 1e-3, (
            f"The loss of window {number} is {two[0]:.4f}, the mean over all {batch_size} rows; you "
            f"have {one[0]:.4f}. Did the trainer make its step, and was the memory taken along?"
        )
        apart = max(abs(a - b).max() for a, b in zip(one[1], two[1]))
        assert apart < 1e-3, (
            f"After window {number} your state differs by {apart:.4f} from the one that the net "
            "returns: return the new state."
        )
        apart = abs(one[2] - two[2]).max()
        assert apart < 1e-3, (
            f"After window {number} the weights differ by {apart:.4f} from what they should be: the "
            "mean loss, backward, and one trainer.step(1)."
        )


_compare(2, 3, 5, 4, 1)
### BEGIN HIDDEN TESTS
for _ in range(4):
    _compare(*(int(size) for size in rng.integers(2, 6, size=4)), 4)
### END HIDDEN TESTS
print("Exercise 3: it learns, and takes its memory along.")

# %% nbgrader={"grade": true, "grade_id": "check_step_detached", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "train_step" in dir(), "Run the cell of exercise 3 first: there is no train_step yet."
try:
    try_past
except NameError:
    raise AssertionError("Run the cell above these checks first: there is no try_past yet.") from None
import numpy

rng = numpy.random.default_rng()


def _compare(batch_size, num_steps, num_words, num_hiddens):
    X, Y = (rng.integers(0, num_words, size=(batch_size, num_steps)).tolist() for _ in "XY")
    ends = []
    for past in rng.normal(size=(2, 1, batch_size, num_hiddens)):
        found = try_past(X, Y, past, num_words, num_hiddens)
        assert type(found) in (list, tuple), f"{found}"
        gradient, end = found
        assert gradient.shape == past.shape and not gradient.any(), (
            "The gradient must end at the beginning of the window, but yours flows back into the past "
            f"of the state ({abs(gradient).max():.4f} at most): detach the state first."
        )
        assert abs(end - 2 * past).max() > 1e-6, (
            "After a window the memory is another one than before; you return the state that you were "
            "given."
        )
        ends.append(end)
    # Detached is not the same as forgotten.
    assert abs(ends[0] - ends[1]).max() > 1e-6, (
        "The same window after two different pasts must not end in the same state: detach the state "
        "that you are given, but go on from there and do not begin anew."
    )


_compare(2, 3, 5, 4)
### BEGIN HIDDEN TESTS
for _ in range(3):
    _compare(*(int(size) for size in rng.integers(2, 6, size=4)))
### END HIDDEN TESTS
print("Exercise 3: the numbers stay, the past is cut off.")

# %% [markdown]
# Now the whole training, four times through the text. (`data/rows.txt` has the text in numbers and in 32 rows, so that you can go on even if exercise 1 is still open.)

# %% tags=["slow"] nbgrader={"grade": false, "grade_id": "train_net", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
rows = np.array([line.split() for line in Path("data/rows.txt").read_text().splitlines()], dtype=np.float32)


def surprise(net, ids):
    """Mean loss of the net on a text that it reads from the beginning to the end."""
    logits, _ = net(nd.array([ids[:-1]]), net.begin_state(1))
    return float(cross_entropy(logits, nd.array([ids[1:]])).mean().asscalar())


def train(net, step, num_epochs, num_steps=20, learning_rate=0.01):
    """For each epoch the mean loss on the training text and on the other one."""
    trainer, history = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": learning_rate}), []
    for _ in range(num_epochs):
        state, losses = net.begin_state(len(rows)), []
        for start in range(0, rows.shape[1] - num_steps, num_steps):
            window = nd.array(rows[:, start:start + num_steps + 1])
            l, state = step(net, trainer, window[:, :-1], window[:, 1:], state)
            losses.append(l)
        history.append((sum(losses) / len(losses), surprise(net, valid_ids)))
    return history


mx.random.seed(2018)
try:
    new_net = LanguageModel(len(vocab), num_hiddens=64)
    new_net.initialize(init.Xavier())
    history = train(new_net, train_step, num_epochs=4)
    net = new_net
    print(f"perplexity on the text that it has not seen: {math.exp(history[-1][1]):.2f}")
except NotImplementedError:
    print("Exercise 3 is still open: run this cell again when train_step is there.")

# %% tags=["picture"]
if "history" in globals():
    fig, ax = plt.subplots()
    epochs = range(1, len(history) + 1)
    for losses, name, colour in zip(zip(*history), ["training text", "new text"], [ORANGE, BLUE]):
        ax.plot(epochs, np.exp(losses), "o-", color=colour, label=f"LSTM, {name}")
    for name, p in [("unigram", unigram[valid_ids[1:]]), ("bigram", bigram[valid_ids[:-1], valid_ids[1:]])]:
        level = math.exp(-np.log(p).mean())
        ax.axhline(level, color=GREY, lw=1, ls=":")
        ax.text(len(history), level, f"{name} {level:.1f}", color=GREY, ha="right", va="bottom")
    ax.set(xlabel="epoch", ylabel="perplexity", yscale="log", ylim=(3, 30), xticks=list(epochs), yticks=[3, 4, 6, 10, 20], yticklabels=["3", "4", "6", "10", "20"])
    ax.minorticks_off()
    ax.legend(frameon=False, loc="center left")
    plt.show()
else:
    print("Exercise 3 is still open: come back to this picture when the net is trained.")

# %% [markdown]
# It soon leaves the bigram behind. In the first epoch the loss on the training text is the higher one: it is a mean over the epoch, and the net knew nothing at its beginning. One check is left for this exercise, on a text that is written in the moment of checking.

# %% tags=["slow"] nbgrader={"grade": true, "grade_id": "check_step_perplexity", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "train_step" in dir(), "Run the cell of exercise 3 first: there is no train_step yet."
try:
    net
except NameError:
    raise AssertionError("Run the training cell first: there is no trained net yet.") from None
import random as _random
from pathlib import Path as _Path

import numpy
from mxnet import nd as _nd

_words = _Path("data/vocab.txt").read_text().split()
_place = {word: number for number, word in enumerate(_words)}


def _ids(name):
    return [_place[word] for word in _Path(f"data/{name}.txt").read_text().split()]


_counts = numpy.full((len(_words), len(_words)), 0.1)
_train = _ids("train")
numpy.add.at(_counts, (_train[:-1], _train[1:]), 1)
_bigram = _counts / _counts.sum(axis=1, keepdims=True)


def _perplexities(ids):
    """Of the trained net and of the bigram."""
    answer = net(_nd.array([ids[:-1]]), net.begin_state(1))
    assert type(answer) in (tuple, list) and len(answer) == 2 and type(answer[0]).__name__ == "NDArray", (
        f"The net must return logits and state; you have {answer!r}."
    )
    logits = answer[0].asnumpy()[0].astype("float64")
    assert logits.shape == (len(ids) - 1, len(_words)), (
        f"The net must give {len(_words)} numbers for each of {len(ids) - 1} words; you have the shape "
        f"{logits.shape}."
    )
    logits -= logits.max(axis=1, keepdims=True)
    log_p = logits - numpy.log(numpy.exp(logits).sum(axis=1, keepdims=True))
    ours = numpy.exp(-log_p[range(len(ids) - 1), ids[1:]].mean())
    return float(ours), float(numpy.exp(-numpy.log(_bigram[ids[:-1], ids[1:]]).mean()))


# The bigram's perplexity was 1.57 to 1.60 times that of the net with ten seeds; see margins.py.
_ours, _theirs = _perplexities(_ids("valid"))
assert _theirs / _ours > 1.25, (
    f"A net with a memory must clearly beat the bigram's {_theirs:.2f} on the new text; yours has "
    f"{_ours:.2f}. Run the training cell again after you change train_step."
)
### BEGIN HIDDEN TESTS
_rng = _random.Random()


def _choose(text):
    words = text.split()
    return _rng.choices(words, [1 / (rank + 1) for rank in range(len(words))])[0]


def _phrase(plural):
    noun = "dog cat teacher baker bird farmer singer horse"
    words = ["the"] + ([_choose("old small happy quiet tired clever")] if _rng.random() < 0.4 else [])
    words.append(_choose(noun) + ("s" if plural else ""))
    return words + (["near", "the", _choose(noun) + _rng.choice(["s", ""])] if _rng.random() < 0.4 else [])


def _clause():
    plural = _rng.random() < 0.5
    if plural and _rng.random() < 0.3:
        words = f"both the {_choose('dog cat teacher baker bird farmer singer horse')} and the {_choose('dog cat teacher baker bird farmer singer horse')}".split()
    else:
        words = _phrase(plural)
    ending = "" if plural else "s"
    if _rng.random() < 0.5:
        words.append(_choose("sleep sing wait smile run") + ending)
    else:
        words += [_choose("see like follow hear") + ending, *_phrase(_rng.random() < 0.5)]
    return words + (["in", "the", _choose("house river garden market bridge")] if _rng.random() < 0.3 else [])


_text = []
while len(_text) < 4000:
    _text += ["if", *_clause(), "then", *_clause(), "<eos>"] if _rng.random() < 0.3 else [*_clause(), "<eos>"]
_ours, _theirs = _perplexities([_place[word] for word in _text])
assert _theirs / _ours > 1.25, (
    f"On {len(_text)} fresh words of the same language the bigram has the perplexity {_theirs:.2f}, "
    f"and a net with a memory must clearly beat it; yours has {_ours:.2f}."
)
### END HIDDEN TESTS
print("Exercise 3: it remembers more than one word.")

# %% [markdown]
# What has it understood? Give it the beginning of a sentence and compare the two forms of the verb. The word before the gap pulls one way, the subject the other.

# %% tags=["picture"]
def next_log_probs(words):
    """The net's log probabilities for what comes after these words."""
    ids = [token_to_idx[word] for word in ["<eos>", *words.split()]]
    logits, _ = net(nd.array([ids]), net.begin_state(1))
    return nd.log_softmax(logits[0, -1]).asnumpy()


if "net" in globals():
    beginnings = ["the dog", "the dogs near the teacher", "the dog near the teachers", "both the cat and the dog", "if the bird sings then the cats near the bird"]
    singular, plural = ([token_to_idx[word] for word in words.split()] for words in ("sleeps sings waits smiles runs sees likes follows hears", "sleep sing wait smile run see like follow hear"))
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
    for ax, title, rows_of in [(axes[0], "bigram", lambda words: np.log(bigram[token_to_idx[words.split()[-1]]])), (axes[1], "LSTM", next_log_probs)]:
        for place, words in enumerate(beginnings):
            p = np.exp(rows_of(words))
            share = p[plural].sum() / (p[plural].sum() + p[singular].sum())
            ax.barh(place, share, color=BLUE)
            ax.barh(place, 1 - share, left=share, color=ORANGE)
        ax.axvline(0.5, color="white", lw=1, ls=":")
        ax.set(title=title, xlim=(0, 1), xlabel="plural (blue) against singular (orange)")
    axes[0].set_yticks(range(len(beginnings)), [f"{words} ..." for words in beginnings])
    axes[0].invert_yaxis()
    fig.tight_layout()
    plt.show()
else:
    print("Exercise 3 is still open: come back to this picture when the net is trained.")

# %% [markdown]
# ## 4. Writing
#
# A model that knows what may come next can write: draw a word, put it at the end, ask again. Always taking the likeliest word gives the same dull sentence for ever. Drawing with the model's own probabilities gives variety, and now and then nonsense. In between there is a
# knob, the **temperature** $T$: divide the logits by it before the softmax,
#
# $$p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}}$$
#
# Below 1 the likely words become likelier, above 1 all become more alike.
#
# ### Exercise 4: temperature
#
# Return the probabilities, a numpy array. Large logits must not break it: $e^{1000}$ is too large for a computer, so subtract the largest exponent first, which changes nothing (why?). By our rule, $T = 0$ gives the largest logit the probability 1 and all others 0.

# %% nbgrader={"grade": false, "grade_id": "probabilities", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def probabilities(logits, temperature):
    """Softmax with a temperature of 0 or more. logits: (num_words,) numpy array."""
    ### BEGIN SOLUTION
    if temperature == 0:
        return np.eye(len(logits))[np.argmax(logits)]
    exponents = logits / temperature
    p = np.exp(exponents - exponents.max())
    return p / p.sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_temperature_values", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "probabilities" in dir(), "Run the cell of exercise 4 first: there is no probabilities yet."
import numpy


def _p(logits, temperature):
    with numpy.errstate(all="ignore"):
        found = probabilities(numpy.array(logits, dtype=float), temperature)
    found = found.asnumpy() if type(found).__name__ == "NDArray" else found
    assert type(found) is numpy.ndarray, (
        f"probabilities must return an array, not {type(found).__name__}. Is there a `return`?"
    )
    assert found.shape == (len(logits),), (
        f"{len(logits)} logits have {len(logits)} probabilities; you have the shape {found.shape}."
    )
    return found


_found = _p(numpy.log([1, 4]), 1)
assert numpy.allclose(_found, [0.2, 0.8], atol=1e-4), (
    "At temperature 1 it is the plain softmax: the logits log 1 and log 4 give 0.2 and 0.8; you "
    f"have {_found.tolist()}."
)
_found = _p(numpy.log([1, 4]), 2)
assert numpy.allclose(_found, [1 / 3, 2 / 3], atol=1e-4), (
    "At temperature 2 the logits are halved, log 1 and log 2, which give 1/3 and 2/3; you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(15):
    _logits, _T = rng.normal(size=rng.integers(2, 9)) * 3, float(rng.uniform(0.2, 5))
    _weights = numpy.array([numpy.exp(z / _T) for z in _logits])
    _found = _p(_logits, _T)
    assert numpy.allclose(_found, _weights / _weights.sum(), atol=1e-4), (
        f"The logits {_logits.round(3).tolist()} at temperature {_T:.2f} give "
        f"{(_weights / _weights.sum()).round(4).tolist()}; you have {_found.round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 4: warmer is flatter.")

# %% nbgrader={"grade": true, "grade_id": "check_temperature_limits", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "probabilities" in dir(), "Run the cell of exercise 4 first: there is no probabilities yet."
import numpy

rng = numpy.random.default_rng()


def _compare(logits, temperature, expected, why):
    with numpy.errstate(all="ignore"):
        found = probabilities(numpy.array(logits, dtype=float), temperature)
    found = found.asnumpy() if type(found).__name__ == "NDArray" else found
    assert type(found) is numpy.ndarray and found.shape == (len(logits),), (
        f"probabilities must return an array with {len(logits)} numbers; you have {found!r}."
    )
    assert numpy.allclose(found, expected, atol=1e-3), (
        f"{why}: the logits {numpy.round(logits, 2).tolist()} at temperature {temperature} give "
        f"{numpy.round(expected, 3).tolist()}; you have {found.round(3).tolist()}."
    )


_compare([1.0, 3.0, 2.0], 0, [0, 1, 0], "At temperature 0 only the largest is left")
_compare([1.0, 3.0, 2.0], 1e6, [1 / 3] * 3, "Very hot, all are alike")
_compare([1000.0, 1000.0, 0.0], 1, [0.5, 0.5, 0], "Large logits must not break it")
_compare([-2000.0, -2000.0], 1, [0.5, 0.5], "Very negative logits must not break it either")
### BEGIN HIDDEN TESTS
for _ in range(12):
    _n = int(rng.integers(2, 9))
    _logits = rng.permutation(_n) * rng.uniform(0.5, 2) + rng.uniform(-3000, 3000)
    _largest = numpy.eye(_n)[_logits.argmax()]
    _compare(_logits, 0, _largest, "At temperature 0 only the largest is left")
    _compare(_logits, 1e-3, _largest, "Very cold, only the largest is left")
    _compare(_logits, 1e7, numpy.full(_n, 1 / _n), "Very hot, all are alike")
    _weights = numpy.exp(_logits - _logits.max())
    _compare(_logits, 1, _weights / _weights.sum(), "Far from 0 it is the same softmax")
### END HIDDEN TESTS
print("Exercise 4: from greedy to a die.")

# %% [markdown]
# ### Exercise 5: a sampler
#
# How does one draw with given probabilities? Put them end to end on a line from 0 to 1, so that each word has a piece as long as its probability, and throw a dart `u`, evenly between 0 and 1: the word whose piece it hits is drawn.
#
# `u` is an array of many darts, with $0 \le u < 1$. Return the numbers of the words that they hit, an array of the same length. `np.cumsum(p)` has the **ends** of the pieces, and `np.searchsorted(ends, u, side="right")` finds for each dart how many
# pieces lie entirely below it. A piece of length 0 is never hit. And because of rounding the last end may be 0.9999999, so take care that no dart flies beyond the last word.

# %% nbgrader={"grade": false, "grade_id": "sample", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def sample(p, u):
    """Draw words. p: (num_words,) probabilities; u: (n,) darts. Returns (n,) word numbers."""
    ### BEGIN SOLUTION
    hit = np.searchsorted(np.cumsum(p), u, side="right")
    return np.minimum(hit, len(p) - 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sample_pieces", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "sample" in dir(), "Run the cell of exercise 5 first: there is no sample yet."
import numpy


def _sample(p, u):
    found = sample(numpy.array(p, dtype=float), numpy.array(u, dtype=float))
    found = found.asnumpy() if type(found).__name__ == "NDArray" else found
    assert type(found) is numpy.ndarray, (
        f"sample must return an array, not {type(found).__name__}. Is there a `return`?"
    )
    assert found.shape == (len(u),), (
        f"{len(u)} darts hit {len(u)} words; you have the shape {found.shape}."
    )
    return found.tolist()


_found = _sample([0.5, 0.25, 0.25], [0.0, 0.49, 0.5, 0.74, 0.75, 0.99])
assert _found == [0, 0, 1, 1, 2, 2], (
    "With the pieces 0 to 0.5, 0.5 to 0.75 and 0.75 to 1 the darts 0, 0.49, 0.5, 0.74, 0.75 and "
    f"0.99 hit the words [0, 0, 1, 1, 2, 2]; you have {_found}."
)
_found = _sample([0.0, 1.0, 0.0], [0.0, 0.5])
assert _found == [1, 1], (
    f"Words with the probability 0 are never drawn, so both darts hit word 1; you have {_found}."
)
_found = _sample([0.5, 0.499999], [0.9999999])
assert _found == [1], (
    "Here the probabilities add up to 0.999999 because of rounding, and the dart 0.9999999 still "
    f"belongs to the last word, 1; you have {_found}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(15):
    _weights = rng.uniform(0.1, 1, size=rng.integers(2, 9)) * rng.integers(0, 2, size=1)[0] + rng.uniform(0.1, 1)
    _weights[rng.integers(0, len(_weights) - 1)] = 0
    _p = _weights / _weights.sum() * rng.choice([1, 1 - 1e-6])
    _u = numpy.append(rng.uniform(0, 1, size=8), 1 - 1e-9)
    _ends = numpy.cumsum(_p)
    _u = _u[abs(_u[:, None] - _ends).min(axis=1) > 1e-12]
    _expected = [min(sum(end <= dart for end in _ends), len(_p) - 1) for dart in _u]
    _found = _sample(_p, _u)
    assert _found == _expected, (
        f"With the probabilities {_p.round(4).tolist()} the darts {_u.round(4).tolist()} hit "
        f"{_expected}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 5: every dart finds its word.")

# %% nbgrader={"grade": true, "grade_id": "check_sample_chi_square", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "sample" in dir(), "Run the cell of exercise 5 first: there is no sample yet."
import numpy

rng = numpy.random.default_rng()


def _chi_square(p, num_darts):
    """How far the counts are from what p promises, and the counts."""
    found = sample(p.copy(), rng.uniform(size=num_darts))
    found = found.asnumpy() if type(found).__name__ == "NDArray" else found
    assert type(found) is numpy.ndarray and found.shape == (num_darts,), (
        f"sample must return an array with a word for each of {num_darts} darts; you have "
        f"{type(found).__name__} {getattr(found, 'shape', '')}."
    )
    assert found.dtype.kind in "iuf" and numpy.isin(found, range(len(p))).all(), (
        f"There are words from 0 to {len(p) - 1}, but you draw {found[~numpy.isin(found, range(len(p)))][:3].tolist()}."
    )
    counts = numpy.bincount(found.astype(int), minlength=len(p))
    return float(((counts - num_darts * p) ** 2 / (num_darts * p)).sum()), counts


def _compare(p):
    distance, counts = _chi_square(p, 4000)
    # With at most 7 degrees of freedom a right sampler exceeds 70 less than once in 10**11 runs.
    assert distance < 70, (
        f"Of 4000 darts {numpy.round(4000 * p).astype(int).tolist()} should hit the words, more or "
        f"less; you have {counts.tolist()}."
    )


_compare(numpy.array([0.1, 0.2, 0.3, 0.4]))
### BEGIN HIDDEN TESTS
for _ in range(6):
    _weights = rng.uniform(0.05, 1, size=rng.integers(3, 9))
    _compare(_weights / _weights.sum())
### END HIDDEN TESTS
print("Exercise 5: in the long run everybody gets their share.")

# %% [markdown]
# Now let it write. Cold, lukewarm, hot:

# %%
def write(num_words, temperature, seed):
    """A text by the net: it draws word after word with your functions."""
    darts, said = np.random.default_rng(seed).uniform(size=num_words), []
    X, state = nd.array([[token_to_idx["<eos>"]]]), net.begin_state(1)
    for u in darts:
        logits, state = net(X, state)
        p = probabilities(logits[0, -1].asnumpy(), temperature)
        said.append(int(sample(p, np.array([u]))[0]))
        X = nd.array([[said[-1]]])
    return " ".join(vocab[i] for i in said).replace("<eos>", "/")


try:
    for temperature in (0, 0.5, 1, 2.5):
        print(f"T = {temperature}: {write(34, temperature, seed=3)}\n")
except (NameError, NotImplementedError):
    print("Exercise 3, 4 or 5 is still open.")

# %% [markdown]
# At 0 it says the same for ever, at 1 it talks like the text, at 2.5 the grammar goes to pieces. What the knob does to the next word:

# %% tags=["picture"]
try:
    beginning = "the old dogs near the"
    logits = next_log_probs(beginning)  # log probabilities are as good as logits: why?
    best = np.argsort(-logits)[:10]
    fig, axes = plt.subplots(1, 4, figsize=(10, 3), sharey=True)
    for ax, temperature in zip(axes, (0, 0.5, 1, 2.5)):
        ax.barh(range(10), probabilities(logits, temperature)[best], color=BLUE)
        ax.set(title=f"T = {temperature}", xlim=(0, 1), xticks=[0, 0.5], xticklabels=["0", "0.5"])
    axes[0].set_yticks(range(10), [vocab[i] for i in best])
    axes[0].invert_yaxis()
    fig.suptitle(f"{beginning} ...")
    fig.tight_layout()
    plt.show()
except (NameError, NotImplementedError):
    plt.close("all")
    print("Exercise 3 or 4 is still open: come back to this picture later.")

# %% [markdown]
# ## 5. When the vocabulary is large
#
# Our softmax adds up 53 numbers. In 2019 it was 13,777 words, and today it may be a quarter of a million, at every place of every text. A way out in training: compare the right word with some **drawn** ones only, and the frequent words
# should be drawn more often. For that one needs a rough idea of the frequencies, without counting. If the words are numbered by frequency, the most frequent is 0, this guess is surprisingly good:
#
# $$P(k) = \frac{\log(k + 2) - \log(k + 1)}{\log(V + 1)} \qquad k = 0, \dots, V - 1$$
#
# It is the **log-uniform** distribution: the 2019 notebook drew 8,192 of its words with it, and went from a perplexity of 401 to 241 in three epochs.
#
# ### Exercise 6: a cheap guess at frequencies
#
# Return all $P(k)$, a numpy array with `num_words` entries.

# %% nbgrader={"grade": false, "grade_id": "log_uniform", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def log_uniform(num_words):
    """Probabilities of the words 0 to num_words - 1, which are sorted by frequency."""
    ### BEGIN SOLUTION
    k = np.arange(num_words)
    return (np.log(k + 2) - np.log(k + 1)) / np.log(num_words + 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_log_uniform_sum", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "log_uniform" in dir(), "Run the cell of exercise 6 first: there is no log_uniform yet."
import numpy


def _p(num_words):
    with numpy.errstate(all="ignore"):
        found = log_uniform(num_words)
    found = found.asnumpy() if type(found).__name__ == "NDArray" else found
    assert type(found) is numpy.ndarray, (
        f"log_uniform must return an array, not {type(found).__name__}. Is there a `return`?"
    )
    assert found.shape == (num_words,), (
        f"{num_words} words have {num_words} probabilities; you have the shape {found.shape}."
    )
    return found


rng = numpy.random.default_rng()
# 13,777 words were in the vocabulary of the JSALT 2019 notebook.
for _words in [3, 13777, *(int(number) for number in rng.integers(2, 5000, size=4))]:
    _found = _p(_words)
    assert abs(_found.sum() - 1) < 1e-3, (
        f"The probabilities of {_words} words add up to 1; yours add up to {_found.sum():.4f}."
    )
    assert (numpy.diff(_found) < 0).all() and _found.min() > 0, (
        f"Of {_words} words each is a little less likely than the one before; yours begin with "
        f"{_found[:4].round(4).tolist()}."
    )
print("Exercise 6: they add up to 1.")

# %% nbgrader={"grade": true, "grade_id": "check_log_uniform_values", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "log_uniform" in dir(), "Run the cell of exercise 6 first: there is no log_uniform yet."
import math as _math

import numpy


def _p(num_words):
    with numpy.errstate(all="ignore"):
        found = log_uniform(num_words)
    found = found.asnumpy() if type(found).__name__ == "NDArray" else found
    assert type(found) is numpy.ndarray and found.shape == (num_words,), (
        f"log_uniform must return an array with {num_words} probabilities; you have {found!r:.60}."
    )
    return found


_found = _p(3)
assert numpy.allclose(_found, [0.5, 0.29248, 0.20752], atol=1e-4), (
    "With 3 words the first has log 2 / log 4 = 0.5, the others have 0.2925 and 0.2075; you have "
    f"{_found.round(4).tolist()}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(10):
    _words = int(rng.integers(1, 3000))
    _expected = [_math.log((k + 2) / (k + 1), _words + 1) for k in range(_words)]
    assert numpy.allclose(_p(_words), _expected, rtol=1e-3), (
        f"Of {_words} words the first ones have {numpy.round(_expected[:4], 4).tolist()}; you have "
        f"{_p(_words)[:4].round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 6: as in the formula.")

# %% tags=["picture"]
try:
    fig, ax = plt.subplots()
    ax.bar(range(len(vocab)), unigram, color="#c9d7e8", label="counted in our text")
    ax.plot(log_uniform(len(vocab)), "o-", color=ORANGE, ms=3, label="log-uniform, without counting")
    ax.set(xlabel="word, most frequent first", ylabel="probability")
    ax.legend(frameon=False)
    plt.show()
except NotImplementedError:
    plt.close()
    print("Exercise 6 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## Going further (no points)
#
# - How low can the perplexity go? The grammar itself rolls dice, so nobody can reach 1. Train ten epochs and see where it stops.
# - Leave out the memory between windows: call `net.begin_state` in each step. How much worse is it with `num_steps=20`, and with `num_steps=3`?
# - Draw only among the five likeliest words (top-5 sampling). Is that the same as a lower temperature?
# - Mix the net with a bigram of the last hundred words. (The *cache* of 2018 did this, for words that come back.) Why does it not help on our text?

# %%
# Your own experiments.
