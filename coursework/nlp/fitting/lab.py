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
# # Fitting: too little, too much, and just enough
#
# A colleague shows you a model that makes no mistake at all on the 20 examples it was trained on. Should you be glad?
#
# A pupil who learns last year's exam by heart makes no mistake on last year's exam, either. What counts is the next exam. A model that is too simple cannot learn what is there: it **underfits**. A model that is
# rich enough to learn the noise by heart does: it **overfits**. Both are wrong on new data, and only one of them looks wrong on the old.
#
# Today you see both happen on a curve that you know, write the training loop that all later labs use, and then three ways to hold a rich model back: weight decay, dropout, and stopping in time.
#
# | | you write | points |
# |---|---|---|
# | 1 | features of a polynomial | 2 |
# | 2 | the training loop | 5 |
# | 3 | weight decay | 4 |
# | 4 | dropout | 5 |
# | 5 | stopping in time | 4 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run the check
# below it. A check that fails says in one sentence what to think about. After you submit, the same checks
# run again with more, fresh inputs. The exercises do not depend on each other.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import math

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

# %% [markdown]
# ## 1. A curve that we know
#
# To see what a model gets wrong we need to know what is right. So the data come from this polynomial, plus noise with a standard deviation of 0.1:
#
# $$y = 5 + 1.2x - 3.4\frac{x^2}{2!} + 5.6\frac{x^3}{3!} + \varepsilon$$
#
# A *linear* model can learn it if we hand it the right **features**: 1, $x$, $x^2/2!$, $x^3/3!$ and so on. (The factorials keep the numbers small when the powers get high.) With 3 features the model is too poor, with 4 it is right,
# with 20 it is too rich.
#
# ### Exercise 1: features of a polynomial
#
# Return an array with a row for each number in `x` and the columns $x^i / i!$ for $i = 0, 1, \dots$ `math.factorial(i)` gives $i!$, and `nd.stack(*columns, axis=1)` puts columns side by side.

# %% nbgrader={"grade": false, "grade_id": "polynomial_features", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def polynomial_features(x, num_features):
    """Columns x^i / i!. x: (n,) NDArray; returns (n, num_features) NDArray."""
    ### BEGIN SOLUTION
    return nd.stack(*[x**i / math.factorial(i) for i in range(num_features)], axis=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_features", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "polynomial_features" in dir(), (
    "Run the cell of exercise 1 first: there is no polynomial_features yet."
)

import math as _math

import numpy
from mxnet import nd as _nd


def _features(x, num_features):
    """The answer as a numpy array, after a look at what it is."""
    given = _nd.array(x)
    found = polynomial_features(given, num_features)
    assert found is not None, "polynomial_features returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"polynomial_features must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == (len(x), num_features), (
        f"{len(x)} numbers and {num_features} features make the shape {(len(x), num_features)}; yours "
        f"is {found.shape}."
    )
    assert (given.asnumpy() == numpy.array(x, dtype="float32")).all(), (
        "polynomial_features has changed the numbers that it was given."
    )
    return found


_found = _features([2, 1], 4)
assert numpy.allclose(_found, [[1, 2, 2, 8 / 6], [1, 1, 0.5, 1 / 6]], atol=1e-5), (
    "For x = 2 the features are 1, 2, 4/2! = 2 and 8/3! = 1.3333, for x = 1 they are 1, 1, 0.5 and "
    f"0.1667; you have {_found.round(4).tolist()}."
)
# The weights of JSALT 2019 (03_machine_learning): 5, 1.2, -3.4, 5.6.
_found = float(_features([1], 4)[0] @ [5, 1.2, -3.4, 5.6])
assert abs(_found - (5 + 1.2 - 3.4 / 2 + 5.6 / 6)) < 1e-4, (
    f"With the weights 5, 1.2, -3.4, 5.6 the curve has the value 5.4333 at x = 1; you have {_found:.4f}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(10):
    _x, _k = _rng.normal(size=_rng.integers(1, 6)), int(_rng.integers(1, 21))
    _expected = [[value**i / _math.factorial(i) for i in range(_k)] for value in _x]
    _found = _features(_x, _k)
    assert numpy.allclose(_found, _expected, rtol=1e-3, atol=1e-5), (
        f"For x = {_x.round(3).tolist()} the {_k} features are {numpy.round(_expected, 4).tolist()}; you "
        f"have {_found.round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 1: the features are right.")

# %% nbgrader={"grade": false, "grade_id": "curve", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
TRUE_WEIGHTS = [5, 1.2, -3.4, 5.6]


def curve(x):
    """The right answer without noise. x: numpy array."""
    return sum(weight * x**i / math.factorial(i) for i, weight in enumerate(TRUE_WEIGHTS))


def examples(n, seed):
    """n numbers from the normal distribution and what was measured there, as numpy arrays."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x, curve(x) + rng.normal(size=n) * 0.1


# %% [markdown]
# Here are 20 examples, and for 3, 4 and 20 features the weights with the smallest loss that there is (a formula gives them: least squares).

# %% tags=["picture"]
x, y = examples(20, seed=6)
t = np.linspace(x.min(), x.max(), 400)
test_x, test_y = examples(1000, seed=7)
inside = (test_x > x.min()) & (test_x < x.max())


def best_weights(x, y, num_features):
    X = polynomial_features(nd.array(x), num_features).asnumpy().astype("float64")
    return np.linalg.lstsq(X, y, rcond=None)[0]


def half_mean_square(x, y, w):
    X = polynomial_features(nd.array(x), len(w)).asnumpy().astype("float64")
    return np.mean((X @ w - y) ** 2) / 2


try:
    fig, axes = plt.subplots(1, 3, figsize=(12, 3.8), sharey=True)
    for ax, k, title in zip(axes, (3, 4, 20), ("too poor", "just enough", "too rich")):
        w = best_weights(x, y, k)
        ax.plot(t, curve(t), color=GREY, lw=1, ls=":", label="the truth")
        ax.plot(t, polynomial_features(nd.array(t), k).asnumpy() @ w, color=BLUE, label="the model")
        ax.plot(x, y, "o", color=ORANGE, label="20 examples")
        ax.set(ylim=(y.min() - 4, y.max() + 4), xlabel="$x$", title=f"{k} features: {title}")
    axes[0].legend()
    fig.tight_layout()
    plt.show()
    fig, ax = plt.subplots()
    sizes = range(1, 21)
    weights = [best_weights(x, y, k) for k in sizes]
    ax.semilogy(sizes, [max(half_mean_square(x, y, w), 1e-4) for w in weights], "o-", color=BLUE, label="on the 20 examples")
    ax.semilogy(sizes, [half_mean_square(test_x[inside], test_y[inside], w) for w in weights], "o-", color=ORANGE,
                label="on new data between them")
    ax.axhline(0.005, color=GREY, lw=1, ls=":")
    ax.text(20, 0.007, "half of the noise's variance", color=GREY, va="bottom", ha="right")
    ax.set(xlabel="features", ylabel="half of the mean square", xticks=range(1, 21), title="Only one of the two curves tells you when to stop")
    ax.legend()
    plt.show()
except NotImplementedError:
    plt.close("all")
    print("Exercise 1 is still open: come back to this picture when it passes.")

# %% [markdown]
# The blue curve never rises: more features always fit the *old* data better. The orange one falls as long as the features carry something true, and rises when they carry noise.
#
# ## 2. The loop
#
# For networks there is no formula. One takes many small steps, as in lab 1; and Gluon, MXNet's library for networks, does the book-keeping: a `Block` holds weights, a `loss` compares, a `Trainer` makes the steps. For each **batch** of examples:
#
# ```python
# with autograd.record():        # write down
#     l = loss(net(X), y)        # one loss for each example of the batch
# l.backward()                   # gradients, summed up over the batch
# trainer.step(batch_size)       # one step; the gradient is divided by batch_size
# ```
#
# ### Exercise 2: the training loop
#
# Write these lines for `batch_X` and `batch_y`. Mind the last batch of an epoch: it may hold fewer examples, and the step must average over the examples that **are** there.

# %% nbgrader={"grade": false, "grade_id": "fit", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def fit(X, y, num_epochs, lr, batch_size):
    """Weights of a linear model after training. X: (n, d), y: (n,) NDArrays; returns (d,) NDArray."""
    net = nn.Dense(1, use_bias=False, in_units=X.shape[1])
    net.initialize(mx.init.Zero())
    loss = gluon.loss.L2Loss()  # half of the squared difference
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": lr})
    for epoch in range(num_epochs):
        for start in range(0, len(X), batch_size):
            batch_X, batch_y = X[start:start + batch_size], y[start:start + batch_size]
            ### BEGIN SOLUTION
            with autograd.record():
                l = loss(net(batch_X), batch_y)
            l.backward()
            trainer.step(len(batch_X))
            ### END SOLUTION
    return net.weight.data()[0]


# %% nbgrader={"grade": true, "grade_id": "check_fit_steps", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "fit" in dir(), "Run the cell of exercise 2 first: there is no fit yet."

import numpy
from mxnet import nd as _nd


def _fitted(X, y, num_epochs, lr, batch_size):
    """The weights as a numpy array, after a look at what came."""
    found = fit(_nd.array(X), _nd.array(y), num_epochs, lr, batch_size)
    assert found is not None, "fit returned None: leave its last line as it was."
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"fit must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == (len(X[0]),), (
        f"There is one weight for each of the {len(X[0])} features; the shape of yours is {found.shape}."
    )
    return found


def _by_hand(X, y, num_epochs, lr, batch_size):
    """The same steps in numpy: the weights that must come out."""
    X, y = numpy.array(X, dtype=float), numpy.array(y, dtype=float)
    w = numpy.zeros(X.shape[1])
    for _ in range(num_epochs):
        for start in range(0, len(X), batch_size):
            part, wanted = X[start:start + batch_size], y[start:start + batch_size]
            w = w - lr * part.T @ (part @ w - wanted) / len(part)
    return w


# One example, x = 2, y = 3: the loss is (2w - 3)^2 / 2, its gradient 2 (2w - 3).
_found = _fitted([[2]], [3], 1, 0.1, 1)
assert abs(_found[0] - 0.6) < 1e-4, (
    "For x = 2 and y = 3 the gradient at w = 0 is 2 * (0 - 3) = -6, so one step with lr = 0.1 leads to "
    f"w = 0.6; you have {_found[0]:.4f}."
)
_found = _fitted([[2], [2]], [3, 3], 1, 0.1, 2)
assert abs(_found[0] - 0.6) < 1e-4, (
    "Two equal examples in one batch have the same mean gradient as one, so the step leads to 0.6 as "
    f"well; you have {_found[0]:.4f}. Tell `trainer.step` how many examples there are."
)
_found = _fitted([[2], [2], [2]], [3, 3, 3], 1, 0.1, 2)
assert abs(_found[0] - 0.96) < 1e-4, (
    "Three examples in batches of two make two steps, the second one with a single example: 0.6, then "
    f"0.6 + 0.1 * 2 * (3 - 1.2) = 0.96; you have {_found[0]:.4f}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(8):
    _n, _d = int(_rng.integers(3, 9)), int(_rng.integers(1, 4))
    _X, _y = _rng.normal(size=(_n, _d)), _rng.normal(size=_n)
    _epochs, _lr, _size = int(_rng.integers(1, 6)), float(_rng.uniform(0.02, 0.1)), int(_rng.integers(1, 5))
    _expected = _by_hand(_X, _y, _epochs, _lr, _size)
    _found = _fitted(_X, _y, _epochs, _lr, _size)
    assert numpy.allclose(_found, _expected, atol=1e-4), (
        f"{_n} examples in batches of {_size}, {_epochs} epochs, lr = {_lr:.3f}: with X = "
        f"{_X.round(2).tolist()} and y = {_y.round(2).tolist()} the weights become "
        f"{_expected.round(4).tolist()}; you have {_found.round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 2: the steps are right.")

# %% tags=["slow"] nbgrader={"grade": true, "grade_id": "check_fit_degrees", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "fit" in dir(), "Run the cell of exercise 2 first: there is no fit yet."

import math as _math

import numpy
from mxnet import nd as _nd


def _features_of(x, num_features):
    return numpy.stack([x**i / _math.factorial(i) for i in range(num_features)], axis=1)


def _examples(rng, n):
    x = rng.uniform(-3, 3, size=n)
    return x, _features_of(x, 4) @ [5, 1.2, -3.4, 5.6] + rng.normal(size=n) * 0.1


# As in JSALT 2019 (03_machine_learning): 100 examples to learn from, 1000 new ones; 4 features fit, 3 underfit, 20
# overfit. Fresh data in each run.
_rng = numpy.random.default_rng()
(_x, _y), (_new_x, _new_y) = _examples(_rng, 100), _examples(_rng, 1000)
_losses = {}
for _k in (3, 4, 20):
    _w = fit(_nd.array(_features_of(_x, _k)), _nd.array(_y), 150, 0.1, 20)
    _w = _w.asnumpy() if type(_w) is _nd.NDArray else _w
    assert isinstance(_w, numpy.ndarray) and _w.shape == (_k,), (
        f"fit must return an array with {_k} weights; you have {_w!r:.80}."
    )
    _losses[_k] = float(numpy.mean((_features_of(_new_x, _k) @ _w - _new_y) ** 2) / 2)
# Sixty seeds: the loss of 3 features is over 1000 times that of 4, the loss of 20 features 1.7 times or more (margins.py).
assert _losses[4] * 10 < _losses[3], (
    "On new data the right model, with 4 features, must be far better than the poor one with 3; your "
    f"losses are {_losses[4]:.4f} and {_losses[3]:.4f}."
)
assert _losses[4] * 1.3 < _losses[20], (
    "On new data the right model, with 4 features, must be better than the rich one with 20; your losses "
    f"are {_losses[4]:.4f} and {_losses[20]:.4f}."
)
print("Exercise 2: 4 features fit, 3 underfit, 20 overfit.")

# %% [markdown]
# ## 3. Make large weights expensive
#
# The rich model in the picture swings between the examples. To swing like that it needs large weights, some positive, some negative, that nearly cancel. So let large weights cost something: add
# $\frac{\lambda}{2}\lVert w\rVert^2$ to the loss. Its gradient is $\lambda w$, and the step becomes
#
# $$w \leftarrow w - \eta\,(g + \lambda w) = (1 - \eta\lambda)\,w - \eta\,g$$
#
# with the learning rate $\eta$ and the gradient $g$ of the loss on the data. At each step, every weight first loses a small share of itself: **weight decay**. Gluon has it built in, `Trainer(..., {"learning_rate": lr, "wd": wd})`.
#
# ### Exercise 3: weight decay
#
# Return the weights after one step, as a new array.

# %% nbgrader={"grade": false, "grade_id": "decayed_step", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def decayed_step(w, gradient, lr, wd):
    """The weights after one step with weight decay. w, gradient: (d,) NDArrays; returns (d,) NDArray."""
    ### BEGIN SOLUTION
    return w - lr * (gradient + wd * w)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_decay_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "decayed_step" in dir(), "Run the cell of exercise 3 first: there is no decayed_step yet."

import mxnet as _mx
import numpy
from mxnet import nd as _nd


def _step(w, gradient, lr, wd):
    """The answer as a numpy array, after a look at what it is."""
    given = _nd.array(w)
    found = decayed_step(given, _nd.array(gradient), lr, wd)
    assert found is not None, "decayed_step returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"decayed_step must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == (len(w),), (
        f"The new weights have the shape of the old ones, ({len(w)},); yours have {found.shape}."
    )
    assert (given.asnumpy() == numpy.array(w, dtype="float32")).all(), (
        "The weights that were handed in have changed: return a new array."
    )
    return found


_found = _step([10, -10], [0, 0], 0.1, 0.5)
assert numpy.allclose(_found, [9.5, -9.5], atol=1e-4), (
    "Without any gradient each weight keeps the share 1 - 0.1 * 0.5 = 0.95: 10 becomes 9.5 and -10 becomes "
    f"-9.5; you have {_found.tolist()}."
)
_found = _step([10, -10], [2, 2], 0.1, 0)
assert numpy.allclose(_found, [9.8, -10.2], atol=1e-4), (
    "Without decay (wd = 0) it is the plain step w - lr * gradient: 9.8 and -10.2; you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(12):
    _w, _g = _rng.normal(size=(2, _rng.integers(1, 6))) * 3
    _lr, _wd = float(_rng.uniform(0.01, 0.5)), float(_rng.uniform(0.1, 1.5))
    _expected = _nd.array(_w)  # the library's own optimiser
    _mx.optimizer.SGD(learning_rate=_lr, wd=_wd, rescale_grad=1.0).update(0, _expected, _nd.array(_g), None)
    _expected, _found = _expected.asnumpy(), _step(_w, _g, _lr, _wd)
    assert numpy.allclose(_found, _expected, atol=1e-4), (
        f"For w = {_w.round(3).tolist()}, gradient {_g.round(3).tolist()}, lr = {_lr:.3f}, wd = {_wd:.3f} "
        f"MXNet's optimiser gives {_expected.round(4).tolist()}; you have {_found.round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 3: the same step as the library's.")

# %% nbgrader={"grade": true, "grade_id": "check_decay_shrinks", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "decayed_step" in dir(), "Run the cell of exercise 3 first: there is no decayed_step yet."

import numpy
from mxnet import nd as _nd

# More weights than examples: 200 inputs, 20 examples, as in Dive into Deep Learning.
_rng = numpy.random.default_rng()
_X = _rng.normal(size=(20, 200))
_y = _X @ numpy.full(200, 0.01) + 0.05
_start = _rng.normal(size=200)


def _norm_after(num_steps, lr, wd):
    """The length of the weights after that many of your steps."""
    w = _start
    for _ in range(num_steps):
        w = decayed_step(_nd.array(w), _nd.array(_X.T @ (_X @ w - _y) / 20), lr, wd)
        w = w.asnumpy() if type(w) is _nd.NDArray else w
        assert isinstance(w, numpy.ndarray) and w.shape == (200,) and w.dtype.kind == "f", (
            f"decayed_step must return an array with 200 weights here; you have {w!r:.80}."
        )
    return float(numpy.linalg.norm(w))


_before = float(numpy.linalg.norm(_start))
_plain, _decayed = _norm_after(80, 0.06, 0.0), _norm_after(80, 0.06, 1.0)
# 180 of the 200 directions say nothing about the 20 examples: the plain steps never touch them.
assert 0.8 * _before < _plain < _before, (
    f"With wd = 0 most of the weights stay as they were: the length is {_before:.1f} at the start and about "
    f"{0.95 * _before:.1f} after 80 steps; yours is {_plain:.3g}."
)
# 300 seeds gave 0.090 to 0.128; with twice the decay they gave 0.024 to 0.058.
assert 0.07 < _decayed < 0.2, (
    f"With wd = 1 the weights shrink from {_before:.1f} to about 0.11 in 80 steps (the true ones have 0.14), "
    f"but not to nothing; yours have {_decayed:.3g}."
)
print("Exercise 3: unused weights fade away.")

# %% [markdown]
# Two hundred inputs and twenty examples: there are infinitely many weights without a mistake on the examples. Which one do the steps find?

# %% tags=["picture"]
rng = np.random.default_rng(3)
X, new_X = rng.normal(size=(20, 200)), rng.normal(size=(500, 200))
y, new_y = X.sum(axis=1) * 0.01 + 0.05, new_X.sum(axis=1) * 0.01 + 0.05
try:
    fig, axes = plt.subplots(1, 2, figsize=(11, 3.6))
    for ax, wd in zip(axes, (0.0, 1.0)):
        w, history = nd.array(np.random.default_rng(4).normal(size=200)), []
        for _ in range(150):
            residual = X @ w.asnumpy() - y
            history.append((np.mean(residual**2) / 2, np.mean((new_X @ w.asnumpy() - new_y) ** 2) / 2))
            w = decayed_step(w, nd.array(X.T @ residual / 20), 0.04, wd)
        ax.semilogy([train for train, _ in history], color=BLUE, label="20 examples")
        ax.semilogy([new for _, new in history], color=ORANGE, label="new data")
        ax.set(xlabel="step", ylabel="loss", ylim=(1e-7, 1e3), title=f"wd = {wd:g}: length of the weights {w.norm().asscalar():.2f}")
    axes[0].legend()
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    plt.close(fig)
    print("Exercise 3 is still open: come back to this picture when it passes.")

# %% [markdown]
# On the left the loss on the examples goes to nothing, and the model is useless: whatever was in the weights at the start is still there, in all the directions that no example looks into. On the right it forgets what it does not need.
#
# ## 4. Do not rely on anybody
#
# **Dropout** (2014) is stranger. In each training step, every number in a layer is set to 0 with the probability $p$, at random. No unit can rely on one particular neighbour, so the network must
# spread what it knows. To keep the mean, the survivors are divided by $1 - p$. When the network **predicts**, nothing is dropped: the same question must get the same answer.
#
# ### Exercise 4: dropout
#
# - `training` is false: return `X` as it is.
# - `training` is true: each number on its own is 0 with probability `drop_prob`, otherwise divided by `1 - drop_prob`. A new draw in each call.
# - `drop_prob` may be 0 (nothing is dropped) and 1 (everything is, and the answer is 0 everywhere, not nan).
#
# `nd.random.uniform(shape=...)` draws numbers from 0 to below 1; a comparison gives zeros and ones.

# %% nbgrader={"grade": false, "grade_id": "dropout", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def dropout(X, drop_prob, training):
    """Dropout of single numbers. X: NDArray of any shape; drop_prob: 0 to 1; returns an NDArray like X."""
    ### BEGIN SOLUTION
    if not training:
        return X
    if drop_prob == 1:
        return nd.zeros(X.shape)
    mask = nd.random.uniform(shape=X.shape) >= drop_prob
    return mask * X / (1 - drop_prob)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_dropout_modes", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "dropout" in dir(), "Run the cell of exercise 4 first: there is no dropout yet."

import numpy
from mxnet import nd as _nd


def _answer(X, drop_prob, training):
    """The answer as a numpy array, after a look at what it is."""
    found = dropout(_nd.array(X), drop_prob, training)
    assert found is not None, "dropout returned None; is there a `return` for both modes?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"dropout must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == numpy.shape(X), (
        f"The answer has the shape of X, {numpy.shape(X)}; yours has {found.shape}."
    )
    return found


_rng = numpy.random.default_rng()
for _p in (0.5, 0.1, 0.9, float(_rng.uniform(0.2, 0.8))):
    _X = _rng.normal(size=(8, 25)).astype("float32")
    _one, _other = _answer(_X, _p, False), _answer(_X, _p, False)
    assert (_one == _other).all() and numpy.allclose(_one, _X, rtol=1e-6), (
        f"When the network predicts, nothing is dropped and nothing is scaled; with drop_prob = {_p:.2f} and "
        f"training=False you changed {int((_one != _X).sum())} of {_X.size} numbers."
    )
    assert (_answer(_X, _p, True) != _X).any(), (
        f"In training, numbers are dropped; with drop_prob = {_p:.2f} and training=True you left all "
        f"{_X.size} as they were."
    )
print("Exercise 4: it predicts without dropping.")

# %% nbgrader={"grade": true, "grade_id": "check_dropout_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "dropout" in dir(), "Run the cell of exercise 4 first: there is no dropout yet."

import numpy
from mxnet import nd as _nd


def _dropped(X, drop_prob):
    """The answer in training as a numpy array, after a look at what it is."""
    found = dropout(_nd.array(X), drop_prob, True)
    assert found is not None, "dropout returned None; is there a `return` for both modes?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"dropout must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == numpy.shape(X), (
        f"The answer has the shape of X, {numpy.shape(X)}; yours has {found.shape}."
    )
    return found


_found = _dropped(numpy.full((4, 50), 3.0), 0.5)
assert set(numpy.unique(_found.round(4)).tolist()) == {0, 6}, (
    "With drop_prob = 0.5 a 3 becomes 0 or 3 / (1 - 0.5) = 6; you have "
    f"{numpy.unique(_found.round(4)).tolist()[:6]}."
)
_found = _dropped([[1, 2], [3, 4]], 0)
assert _found.tolist() == [[1, 2], [3, 4]], (
    f"With drop_prob = 0 nothing is dropped: [[1, 2], [3, 4]]; you have {_found.tolist()}."
)
_found = _dropped([[1, 2], [3, 4]], 1)
assert _found.tolist() == [[0, 0], [0, 0]], (
    "With drop_prob = 1 everything is dropped: zeros, and no division by 0; you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(8):
    _p = float(_rng.uniform(0.1, 0.9))
    _X = (_rng.uniform(1, 3, size=_rng.integers(4, 9, size=int(_rng.integers(2, 4)))) * _rng.choice([-1, 1])).astype("float32")
    _found = _dropped(_X, _p)
    _kept = _found != 0
    assert numpy.allclose(_found[_kept], (_X / (1 - _p))[_kept], rtol=1e-4), (
        f"With drop_prob = {_p:.3f} what survives is divided by {1 - _p:.3f}; yours is multiplied by "
        f"{numpy.unique((_found / _X)[_kept].round(3)).tolist()[:5]}."
    )
### END HIDDEN TESTS
print("Exercise 4: zero, or scaled up.")

# %% nbgrader={"grade": true, "grade_id": "check_dropout_random", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "dropout" in dir(), "Run the cell of exercise 4 first: there is no dropout yet."

import numpy
from mxnet import nd as _nd


def _ones_dropped(shape, drop_prob):
    """The answer for ones as a numpy array, after a look at what it is."""
    found = dropout(_nd.ones(shape), drop_prob, True)
    assert found is not None, "dropout returned None; is there a `return` for both modes?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf" and found.shape == shape, (
        f"dropout must return an array with the shape {shape}; you have {found!r:.80}."
    )
    return found


_rng = numpy.random.default_rng()
for _p in (0.3, 0.8, float(_rng.uniform(0.15, 0.85))):
    _found = _ones_dropped((200, 200), _p)
    _share, _spread = float((_found == 0).mean()), (_p * (1 - _p)) ** 0.5
    # Six standard deviations: a right answer fails twice in a thousand million runs.
    assert abs(_share - _p) < 6 * _spread / 200, (
        f"With drop_prob = {_p:.3f} this share of the numbers is 0, give or take 0.02; of yours it is "
        f"{_share:.3f}."
    )
    assert abs(_found.mean() - 1) < 6 * _spread / (1 - _p) / 200, (
        "In the mean, dropout changes nothing: the ones must have the mean 1 afterwards; yours have "
        f"{_found.mean():.3f}."
    )
    _rows, _columns = (_found == 0).mean(axis=1), (_found == 0).mean(axis=0)
    assert max(numpy.ptp(_rows), numpy.ptp(_columns)) < 12 * _spread / 200**0.5, (
        "Each number is drawn on its own, so every row and every column loses about the same share; of yours "
        f"a row loses {_rows.min():.2f} to {_rows.max():.2f}, a column {_columns.min():.2f} to {_columns.max():.2f}."
    )
    _again = _ones_dropped((200, 200), _p)
    assert ((_found == 0) != (_again == 0)).mean() > _p * (1 - _p), (
        "Each call draws anew; two of your calls dropped (nearly) the same numbers."
    )
print("Exercise 4: dropped at random, one by one.")

# %% tags=["picture"]
mx.random.seed(3)
try:
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.2), gridspec_kw={"width_ratios": [1, 1, 1.4]})
    X = nd.ones((12, 12))
    axes[0].imshow(dropout(X, 0.3, True).asnumpy(), cmap="Blues", vmin=0, vmax=3)
    axes[1].imshow(dropout(X, 0.7, True).asnumpy(), cmap="Blues", vmin=0, vmax=3.5)
    for ax, p in zip(axes, (0.3, 0.7)):
        ax.set(xticks=[], yticks=[], title=f"ones, $p$ = {p}")
        ax.spines[:].set_visible(False)
    w = nd.random.normal(shape=(100,))
    answers = [nd.dot(w, dropout(nd.ones(100), 0.5, True)).asscalar() for _ in range(1000)]
    axes[2].hist(answers, bins=40, color=BLUE)
    axes[2].axvline(nd.dot(w, dropout(nd.ones(100), 0.5, False)).asscalar(), color=ORANGE, lw=3)
    axes[2].set(title="one unit: 1,000 answers in training,\nthe one answer when it predicts", yticks=[])
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    plt.close(fig)
    print("Exercise 4 is still open: come back to this picture when it passes.")

# %% [markdown]
# In Gluon it is a layer, `nn.Dropout(p)`. It drops inside `autograd.record()` and nowhere else. (Somebody who calls the network inside `record` to predict gets a different answer each time, and wonders.)
#
# Now a small network with two hidden layers, and 80 points of two kinds, twelve of which have the wrong label. Left: nothing holds it back, and it draws an island for each wrong label. The share below each picture is for 2,000 new points with right labels.

# %% nbgrader={"grade": false, "grade_id": "points", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def points(n, num_wrong, seed):
    """Two bent clouds; the first num_wrong labels are wrong. Returns (n, 2) and (n,) NDArrays."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    angle = rng.uniform(0, np.pi, size=n)
    X = np.stack([np.cos(angle) + kind, np.sin(angle) * (1 - 2 * kind) + 0.3 * kind], axis=1)
    wrong = np.arange(n) < num_wrong
    return nd.array(X + rng.normal(size=(n, 2)) * 0.2), nd.array(np.where(wrong, 1 - kind, kind))


def network(drop_prob=0.0):
    """Two hidden layers of 64."""
    mx.random.seed(1)
    net = nn.Sequential()
    net.add(nn.Dense(64, activation="relu"), nn.Dropout(drop_prob), nn.Dense(64, activation="relu"),
            nn.Dropout(drop_prob), nn.Dense(2))
    net.initialize(mx.init.Xavier())
    return net


def train(net, X, y, num_steps, wd=0.0, watch=None):
    """Full-batch training with Adam; `watch` is called after each step."""
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01, "wd": wd})
    for _ in range(num_steps):
        with autograd.record():
            l = loss(net(X), y)
        l.backward()
        trainer.step(len(X))
        if watch:
            watch()


# %% tags=["picture", "slow"]
X, y = points(80, 12, seed=5)
new_X, new_y = points(2000, 0, seed=8)
axis_x, axis_y = np.meshgrid(np.linspace(-1.7, 2.7, 90), np.linspace(-1.6, 1.9, 70))
grid = nd.array(np.stack([axis_x.ravel(), axis_y.ravel()], axis=1))
fig, axes = plt.subplots(1, 3, figsize=(12, 3.7))
for ax, title, drop_prob, wd in [(axes[0], "nothing", 0, 0), (axes[1], "weight decay 0.01", 0, 0.01), (axes[2], "dropout 0.5", 0.5, 0)]:
    net = network(drop_prob)
    train(net, X, y, 400, wd)
    p = nd.softmax(net(grid))[:, 1].asnumpy().reshape(axis_x.shape)
    right = (net(new_X).argmax(axis=1) == new_y).mean().asscalar()
    old = (net(X).argmax(axis=1) == y).mean().asscalar()
    ax.contourf(axis_x, axis_y, p, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.7)
    ax.scatter(*X.asnumpy().T, c=[BLUE if label else "#b03030" for label in y.asnumpy()], s=16, edgecolor="white", lw=0.5)
    ax.set(xticks=[], yticks=[], title=title, xlabel=f"right: {old:.0%} of the 80, {right:.1%} of new points")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## 5. Stop in time
#
# The cheapest way of all: look at data that is not trained on (the **validation** set) after every epoch, and stop when it does not get better any more. One bad epoch means little, so give it some **patience**.
#
# ### Exercise 5: stopping in time
#
# `losses[i]` is the validation loss after epoch $i$; there is at least one. An epoch is an improvement if its loss is **lower** than all before. Training stops after the first epoch with which there have been `patience` epochs in a row without an improvement, or at the end of the list.
# Return the number of the best epoch up to there (the earliest, if several are equal), whose weights one keeps, and the number of the last epoch that was run.

# %% nbgrader={"grade": false, "grade_id": "stop_early", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def stop_early(losses, patience):
    """Returns (best epoch, last epoch). losses: list of float; patience: at least 1."""
    ### BEGIN SOLUTION
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == patience:
            return best, epoch
    return best, len(losses) - 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_stop_best", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "stop_early" in dir(), "Run the cell of exercise 5 first: there is no stop_early yet."

import numpy


def _best(losses, patience):
    """The best epoch, after a look at what came."""
    found = stop_early(list(losses), patience)
    assert isinstance(found, (list, tuple)) and len(found) == 2, (
        f"stop_early must return two numbers, the best and the last epoch; you have {found!r:.80}."
    )
    assert all(isinstance(number, (int, numpy.integer)) for number in found), (
        f"Epochs are whole numbers; you have {found!r:.80}."
    )
    return int(found[0])


assert _best([5, 4, 3, 4, 5, 6], 2) == 2, (
    f"In 5, 4, 3, 4, 5, 6 the epoch 2 has the lowest loss; you have {_best([5, 4, 3, 4, 5, 6], 2)}."
)
assert _best([5, 4, 6, 6, 1], 2) == 1, (
    "In 5, 4, 6, 6, 1 training stops after two epochs without improvement and never sees the 1: the best "
    f"is epoch 1; you have {_best([5, 4, 6, 6, 1], 2)}."
)
assert _best([5, 6, 4, 5, 3], 2) == 4, (
    "In 5, 6, 4, 5, 3 there are never two epochs in a row without improvement, so the best is epoch 4; you "
    f"have {_best([5, 6, 4, 5, 3], 2)}."
)
assert _best([5, 3, 3, 4], 9) == 1, (
    f"In 5, 3, 3, 4 the earliest of two equal losses counts, epoch 1; you have {_best([5, 3, 3, 4], 9)}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(120):
    _losses = _rng.integers(1, 15, size=_rng.integers(1, 14)).tolist()
    _patience = int(_rng.integers(1, 5))
    _last = next(
        (i for i in range(_patience, len(_losses))
         if min(_losses[:i - _patience + 1]) <= min(_losses[i - _patience + 1:i + 1])),
        len(_losses) - 1,
    )
    _expected = _losses.index(min(_losses[:_last + 1]))
    _found = _best(_losses, _patience)
    assert _found == _expected, (
        f"With the losses {_losses} and patience {_patience} the best epoch is {_expected}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 5: the best epoch is kept.")

# %% nbgrader={"grade": true, "grade_id": "check_stop_last", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "stop_early" in dir(), "Run the cell of exercise 5 first: there is no stop_early yet."

import numpy


def _last(losses, patience):
    """The last epoch, after a look at what came."""
    found = stop_early(list(losses), patience)
    assert isinstance(found, (list, tuple)) and len(found) == 2, (
        f"stop_early must return two numbers, the best and the last epoch; you have {found!r:.80}."
    )
    assert all(isinstance(number, (int, numpy.integer)) for number in found), (
        f"Epochs are whole numbers; you have {found!r:.80}."
    )
    return int(found[1])


assert _last([5, 4, 3, 4, 5, 6], 2) == 4, (
    "In 5, 4, 3, 4, 5, 6 the epochs 3 and 4 bring no improvement; with patience 2 the last epoch is 4; you "
    f"have {_last([5, 4, 3, 4, 5, 6], 2)}."
)
assert _last([5, 4, 5, 3, 4, 2], 2) == 5, (
    "In 5, 4, 5, 3, 4, 2 there are never two epochs in a row without improvement, so all are run, up to epoch "
    f"5; you have {_last([5, 4, 5, 3, 4, 2], 2)}."
)
assert _last([3, 3, 3], 2) == 2, (
    "Equal is no improvement: in 3, 3, 3 the epochs 1 and 2 use up the patience of 2, the last is 2; you have "
    f"{_last([3, 3, 3], 2)}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(120):
    _losses = _rng.integers(1, 15, size=_rng.integers(1, 14)).tolist()
    _patience = int(_rng.integers(1, 5))
    _expected = next(
        (i for i in range(_patience, len(_losses))
         if min(_losses[:i - _patience + 1]) <= min(_losses[i - _patience + 1:i + 1])),
        len(_losses) - 1,
    )
    _found = _last(_losses, _patience)
    assert _found == _expected, (
        f"With the losses {_losses} and patience {_patience} the last epoch is {_expected}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 5: it stops when it should.")

# %% tags=["picture", "slow"]
valid_X, valid_y = points(200, 30, seed=6)  # also with wrong labels: we would not know better
softmax_loss = gluon.loss.SoftmaxCrossEntropyLoss()
net, train_losses, valid_losses = network(), [], []


def watch():
    train_losses.append(softmax_loss(net(X), y).mean().asscalar())
    valid_losses.append(softmax_loss(net(valid_X), valid_y).mean().asscalar())


train(net, X, y, 250, watch=watch)
fig, ax = plt.subplots()
ax.plot(train_losses, color=BLUE, label="80 points it learns from")
ax.plot(valid_losses, color=ORANGE, label="200 validation points")
try:
    best, last = stop_early(valid_losses, patience=10)
    ax.axvline(best, color=GREEN, lw=2)
    ax.axvline(last, color=GREY, lw=1, ls=":")
    ax.text(last + 2, 1.35, f"stopped after epoch {last}, the best was {best}", color=GREEN)
except NotImplementedError:
    ax.text(20, 1.35, "(exercise 5 is still open)", color=GREY)
ax.set(xlabel="epoch", ylabel="mean loss", ylim=(0, 1.5), title="The network without anything that holds it back")
ax.legend(loc="center right")
plt.show()

# %% [markdown]
# All three ways have a number that somebody must choose: $\lambda$, $p$, the patience. Choose it on validation data. Whoever chooses it on the **test** data has fitted to the test data, and needs a new test.
#
# ## Going further
#
# No points here.
#
# - Give `fit` 20 features and many more epochs. Does the loss on the examples go below that of 4 features? How long does it take, and what does it do on new data? (Steps that have not arrived yet are a kind of early stopping.)
# - Give the polynomial 2,000 examples instead of 20. How many features can it bear now?
# - Combine weight decay and dropout in `network`. Which values are best on the validation points, and are they the best on the new points, too?
# - Put `nn.Dropout` on the inputs instead of the hidden layers. Why is that worse here, with two inputs, and fine for a bag of a thousand words?

# %%
# Your own experiments.
