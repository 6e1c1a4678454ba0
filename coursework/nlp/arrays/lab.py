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
# # Arrays and autograd: the two tools behind everything
#
# *Nacht*, *night*, *noche*: a child who has heard three languages for a week can guess which of them a new word belongs to.
# How would you write a program for that? Nobody can list the rules. So the program has to find them, and every program in this course finds
# its rules in the same way:
#
# 1. turn the words into **arrays** of numbers,
# 2. compute one number, the **loss**, that says how wrong the program is,
# 3. ask for the **gradient**: which way must each weight go so that the loss falls?
# 4. make a small step that way, and again.
#
# Today you write these four pieces yourself, from slicing an array to the last step, and at the end they learn to tell
# English, German and Spanish apart by their letters. Then you can look at what they learnt.
#
# | | you write | points |
# |---|---|---|
# | 1 | a block of an array | 3 |
# | 2 | a slope by small steps | 4 |
# | 3 | a gradient by machine | 4 |
# | 4 | the shapes in the chain rule | 2 |
# | 5 | a loss that survives large numbers | 3 |
# | 6 | one step of learning | 4 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run the check
# below it. A check that fails says in one sentence what to think about. After you submit, the same checks
# run again with more, fresh inputs. The exercises do not depend on each other.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import math

import matplotlib.pyplot as plt
import numpy as np
from mxnet import autograd, nd

plt.rcParams.update({
    "figure.figsize": (9, 3.6), "figure.dpi": 100, "font.size": 11,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
})
BLUE, ORANGE, GREEN, GREY = "#3b6ea8", "#e08e3c", "#5a9a5a", "#9a9a9a"

# %% [markdown]
# ## 1. Arrays
#
# MXNet's array is the `NDArray`. It is made and sliced like an array of numpy, but it can also live on a graphics card, and it
# can remember how it was computed, which we need in section 3. Read this cell line by line, and guess each output before you run it.

# %%
X = nd.array([[1, 2, 3], [5, 6, 7]])
print("shape", X.shape, "  numbers", X.size, "  type", X.dtype)
print("row 1:", X[1].asnumpy(), "  column 2:", X[:, 2].asnumpy())
print("columns 1 and 2:", X[:, 1:3].asnumpy().tolist())
print("sum over axis 0:", X.sum(axis=0).asnumpy(), "  over axis 1:", X.sum(axis=1).asnumpy())
print("all products of two rows:", nd.dot(X, X.T).asnumpy().tolist())

# %% [markdown]
# A slice `1:3` starts at 1 and ends *before* 3. You can also write to it: `Y[1:2, 0:2] = 4` changes a block of `Y`. Two things surprise people:
#
# - `Z = Y` makes no new array. Both names mean the same numbers, and a change to one is a change to the other. `Y.copy()` makes a new one.
# - `Y.asnumpy()` and `nd.array(...)` do copy: what you change there stays there.

# %%
Y = nd.ones((2, 3))
Z, kept = Y, Y.copy()
Y[:, 1:3] = 2
Y[1:2, 0:2] = 4
outside = Y.asnumpy()
outside[0, 0] = 100
print("Y is", Y.asnumpy().tolist())
print("Z is", Z.asnumpy().tolist(), "(another name for Y)")
print("kept is", kept.asnumpy().tolist())

# %% [markdown]
# ### Exercise 1: a block of an array
#
# A batch of sentences is a matrix of word numbers: one row for each sentence, one column for each place. To hide words from a model (lab 10 does that), one
# overwrites a block with the number of `<mask>`.
#
# Return an array that is like `X`, but has `value` in all rows from `rows[0]` to before `rows[1]` and all columns from `columns[0]` to before
# `columns[1]`. **`X` itself must stay as it was**: somebody still needs the words.

# %% nbgrader={"grade": false, "grade_id": "overwrite", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def overwrite(X, rows, columns, value):
    """A copy of X with a block of `value`. X: (n, m) NDArray; rows, columns: pairs (first, end)."""
    ### BEGIN SOLUTION
    X = X.copy()
    X[rows[0]:rows[1], columns[0]:columns[1]] = value
    return X
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_overwrite_block", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "overwrite" in dir(), "Run the cell of exercise 1 first: there is no overwrite yet."

import numpy
from mxnet import nd as _nd


def _overwrite(X, rows, columns, value):
    """The answer as a numpy array, after a look at what it is."""
    found = overwrite(_nd.array(X), rows, columns, value)
    assert found is not None, "overwrite returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"overwrite must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == numpy.shape(X), (
        f"The answer has the shape of X, {numpy.shape(X)}; yours has {found.shape}."
    )
    return found


# The block of the crash course (JSALT 2018, 1.ndarray): first [:, 1:3] = 2, then [1:2, 0:2] = 4.
_found = _overwrite(numpy.ones((2, 3)), (0, 2), (1, 3), 2)
assert _found.tolist() == [[1, 2, 2], [1, 2, 2]], (
    "All rows, columns 1 and 2 (3 is the end and stays out) become 2: [[1, 2, 2], [1, 2, 2]]; "
    f"you have {_found.tolist()}."
)
_found = _overwrite(_found, (1, 2), (0, 2), 4)
assert _found.tolist() == [[1, 2, 2], [4, 4, 2]], (
    "Then row 1, columns 0 and 1 become 4: [[1, 2, 2], [4, 4, 2]]; you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(20):
    _X = _rng.integers(0, 90, size=_rng.integers(2, 6, size=2)).astype(float)
    _rows = tuple(sorted(_rng.choice(_X.shape[0] + 1, size=2, replace=False).tolist()))
    _columns = tuple(sorted(_rng.choice(_X.shape[1] + 1, size=2, replace=False).tolist()))
    _value = int(_rng.integers(100, 200))
    _expected = _X.copy()
    _expected[slice(*_rows), slice(*_columns)] = _value
    _found = _overwrite(_X, _rows, _columns, _value)
    assert (_found == _expected).all(), (
        f"{_X.tolist()} with rows {_rows}, columns {_columns} overwritten by {_value} is "
        f"{_expected.tolist()}; you have {_found.tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 1: the block is right.")

# %% nbgrader={"grade": true, "grade_id": "check_overwrite_copy", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "overwrite" in dir(), "Run the cell of exercise 1 first: there is no overwrite yet."

import numpy
from mxnet import nd as _nd

_rng = numpy.random.default_rng()
for _ in range(5):
    _X = _rng.integers(0, 90, size=(3, 4)).astype("float32")
    _place = _rng.integers(0, 3, size=2).tolist()
    _words = _nd.array(_X)
    _found = overwrite(_words, (_place[0], _place[0] + 1), (_place[1], _place[1] + 2), 99)
    assert _found is not None, "overwrite returned None; is there a `return`?"
    _found = _found.asnumpy() if type(_found) is _nd.NDArray else _found
    assert isinstance(_found, numpy.ndarray), (
        f"overwrite must return an array; you have {_found!r:.80}."
    )
    assert _found.shape == (3, 4), (
        f"The answer has the shape of X, (3, 4); yours has {_found.shape}."
    )
    _expected = _X.copy()
    _expected[_place[0], _place[1]:_place[1] + 2] = 99
    assert (_found == _expected).all(), (
        f"The answer must have the block: {_expected.tolist()}; you have {_found.tolist()}."
    )
    assert (_words.asnumpy() == _X).all(), (
        "The array that was handed in has changed, and its words are lost: copy it before you "
        f"write; it was {_X.tolist()} and now is {_words.asnumpy().tolist()}."
    )
print("Exercise 1: the words are still there.")

# %% tags=["picture"]
batch = nd.arange(1, 41).reshape((5, 8))
fig, axes = plt.subplots(1, 2, figsize=(9, 2.9))
try:
    arrays = [batch, overwrite(batch, (1, 4), (2, 5), 0)]
    for ax, array, title in zip(axes, arrays, ["the batch", "with a block overwritten"]):
        ax.imshow(array.asnumpy(), cmap="Blues", vmin=-8, vmax=70)
        for i in range(5):
            for j in range(8):
                ax.text(j, i, f"{array[i, j].asscalar():.0f}", ha="center", va="center", size=9)
        ax.set(title=title, xlabel="place", ylabel="sentence")
        ax.spines[:].set_visible(False)
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    plt.close(fig)
    print("Exercise 1 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 2. How steep is it here?
#
# Learning means going downhill, and for that we must know the **derivative**: how much does $f(x)$ change when $x$ changes a little? You may remember this table from school:
#
# | $f(x)$ | a constant | $x^n$ | $e^x$ | $\log x$ | $\sin x$ |
# |---|---|---|---|---|---|
# | $f'(x)$ | $0$ | $n\,x^{n-1}$ | $e^x$ | $1/x$ | $\cos x$ |
#
# If you don't, you can still measure: make a small step $h$ to both sides, and divide the change by the length of the way,
#
# $$f'(x) \approx \frac{f(x + h) - f(x - h)}{2h}.$$
#
# If $x$ is a vector, there is one such slope for every coordinate: change **one** coordinate, keep the others. All of them together
# are the **gradient**. For $f(x) = x_1^2 + 2 x_2^2$ it is $[2x_1,\; 4x_2]$.
#
# ### Exercise 2: a slope by small steps
#
# Return the gradient of `f` at `x`, measured with steps of `h` **to both sides** as above. `f` takes a numpy array and returns a number. (Numpy, because its 64 bits
# leave room for small steps; MXNet's default has 32.)

# %% nbgrader={"grade": false, "grade_id": "numerical_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def numerical_gradient(f, x, h=1e-4):
    """Measured slopes of f at x. x: (d,) numpy array, which stays as it is; returns (d,) numpy array."""
    gradient = np.zeros(len(x))
    ### BEGIN SOLUTION
    for i in range(len(x)):
        step = np.zeros(len(x))
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    ### END SOLUTION
    return gradient


# %% nbgrader={"grade": true, "grade_id": "check_numerical_values", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "numerical_gradient" in dir(), (
    "Run the cell of exercise 2 first: there is no numerical_gradient yet."
)

import numpy


def _measured(f, x, *h):
    x = numpy.array(x, dtype=float)
    before = x.copy()
    found = numerical_gradient(f, x, *h)
    assert isinstance(found, numpy.ndarray), (
        f"numerical_gradient must return a numpy array; you have {found!r:.80}."
    )
    assert found.shape == x.shape, (
        f"At a point with {len(x)} coordinates the gradient has the shape {x.shape}; yours has "
        f"{found.shape}."
    )
    assert (x == before).all(), (
        "numerical_gradient has changed the point that it was given: step from a copy."
    )
    return found


def _bowl(x):
    return x[0] ** 2 + 2 * x[1] ** 2


# The gradient of the lecture (JSALT 2019): [2 x_1, 4 x_2].
for _x in ([1.0, 1.0], [3.0, -0.5]):
    _found = _measured(_bowl, _x)
    assert numpy.allclose(_found, [2 * _x[0], 4 * _x[1]], atol=1e-5), (
        f"The gradient of x_1^2 + 2 x_2^2 at {_x} is [2 x_1, 4 x_2] = "
        f"{[2 * _x[0], 4 * _x[1]]}; you have {_found.round(5).tolist()}. Change one coordinate at a "
        "time, to both sides, and divide by the length of the way, 2h."
    )


def _constant(x):
    return 7.0


def _fifth_power(x):
    return x[0] ** 5


def _exponential(x):
    return numpy.exp(x[0])


def _logarithm(x):
    return numpy.log(x[0])


def _sine(x):
    return numpy.sin(x[0])


# The table of the lecture, at x = 1.3.
for _f, _slope in [
    (_constant, 0.0), (_fifth_power, 5 * 1.3**4), (_exponential, numpy.exp(1.3)),
    (_logarithm, 1 / 1.3), (_sine, numpy.cos(1.3)),
]:
    _found = _measured(_f, [1.3])
    assert abs(_found[0] - _slope) < 1e-5, (
        f"The table says that the slope of the {_f.__name__[1:].replace('_', ' ')} at 1.3 is "
        f"{_slope:.5f}; you measured {_found[0]:.5f}."
    )
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(10):
    _d = int(_rng.integers(1, 5))
    _A, _b, _x = _rng.normal(size=(_d, _d)), _rng.normal(size=_d), _rng.normal(size=_d)

    def _f(x):
        return float(numpy.sin(_A @ x).sum() + _b @ x)

    _expected = _A.T @ numpy.cos(_A @ _x) + _b
    _found = _measured(_f, _x)
    assert numpy.allclose(_found, _expected, atol=1e-5), (
        f"f(x) = sum of sin(Ax) + bx with A = {_A.round(2).tolist()}, b = {_b.round(2).tolist()} "
        f"at {_x.round(2).tolist()} has the gradient {_expected.round(5).tolist()}; you have "
        f"{_found.round(5).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 2: the measured slopes agree with the table.")

# %% nbgrader={"grade": true, "grade_id": "check_numerical_central", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "numerical_gradient" in dir(), (
    "Run the cell of exercise 2 first: there is no numerical_gradient yet."
)

import numpy


def _cube(x):
    return float(x[0] ** 3)


# ((x+h)^3 - (x-h)^3) / 2h = 3x^2 + h^2, whatever x is.
def _slope_of_cube(x, h):
    found = numerical_gradient(_cube, numpy.array([x]), h)
    assert isinstance(found, numpy.ndarray) and found.size == 1, (
        f"At a point with one coordinate the gradient is an array with one number; you have "
        f"{found!r:.80}."
    )
    return float(found.ravel()[0])


_found = _slope_of_cube(2.0, 0.5)
assert abs(_found - 12.25) < 1e-6, (
    "For x^3 at 2 and h = 0.5 the way leads from 1.5 to 2.5: (15.625 - 3.375) / 1 = 12.25; you "
    f"have {_found:.4f}. A step to one side only gives 15.25 or 9.25."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(10):
    _x, _h = _rng.uniform(-2, 2), _rng.uniform(0.05, 0.8)
    _found = _slope_of_cube(_x, _h)
    assert abs(_found - (3 * _x**2 + _h**2)) < 1e-6, (
        f"For x^3 at {_x:.3f} with h = {_h:.3f} steps to both sides give "
        f"{3 * _x**2 + _h**2:.5f}; you have {_found:.5f}."
    )
### END HIDDEN TESTS
print("Exercise 2: measured to both sides.")

# %% [markdown]
# Why both sides, and how small should the step be? Below is the error of the slope of $e^x$ at 1. Large steps are wrong since the curve bends. Tiny steps are wrong, too: $f(x+h)$ and
# $f(x-h)$ then agree in nearly all digits, and the difference is mostly rounding.

# %% tags=["picture"]
steps = 10.0 ** np.arange(-12, 0.1, 0.5)
fig, axes = plt.subplots(1, 2, figsize=(11, 3.8))
try:
    central = [abs(numerical_gradient(lambda x: np.exp(x[0]), np.array([1.0]), h)[0] - math.e) for h in steps]
    forward = [abs((math.exp(1 + h) - math.exp(1)) / h - math.e) for h in steps]
    axes[0].loglog(steps, forward, "o-", ms=3, color=GREY, label="to one side")
    axes[0].loglog(steps, np.maximum(central, 1e-13), "o-", ms=3, color=BLUE, label="to both sides (yours)")
    axes[0].set(xlabel="step h", ylabel="error", title="Too large is wrong, too small as well")
    axes[0].legend()
    t = np.linspace(-2.2, 2.2, 23)
    axes[1].contour(t, t, t[None, :] ** 2 + 2 * t[:, None] ** 2, levels=12, cmap="Blues")
    for a in (-1.8, -0.6, 0.6, 1.8):
        for b in (-1.8, -0.6, 0.6, 1.8):
            g = numerical_gradient(lambda x: x[0] ** 2 + 2 * x[1] ** 2, np.array([a, b]))
            axes[1].annotate("", (a - 0.1 * g[0], b - 0.1 * g[1]), (a, b),
                             arrowprops={"arrowstyle": "-|>", "color": ORANGE})
    axes[1].set(title="Against the gradient: straight downhill", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    fig.tight_layout()
    plt.show()
except NotImplementedError:
    plt.close(fig)
    print("Exercise 2 is still open: come back to this picture when it passes.")

# %% [markdown]
# On the right, each arrow goes against the gradient of $x_1^2 + 2x_2^2$. It leaves its contour line at a right angle: no way down is steeper.
#
# ## 3. Let the machine do it
#
# Measuring calls `f` twice for *each* coordinate. BERT-base has 110 million weights (Devlin et al., 2018), so one gradient would take 220 million passes through the model. MXNet needs one pass forward
# and one back, whatever the number of weights: it writes down what is computed, then walks the record backwards with the rules of the table. Three lines:
#
# ```python
# x.attach_grad()            # make room for the gradient
# with autograd.record():    # write down what happens here
#     y = f(x)
# y.backward()               # now x.grad holds the gradient
# ```
#
# What is recorded is what really **happens**, so `f` may have loops and branches. (The static frameworks of the time wanted the whole program declared before the first number; here you just write Python.)
# `winding` below doubles its input until it is long enough, then returns the first or the second number.

# %% nbgrader={"grade": false, "grade_id": "functions", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def bowl(x):
    """x_1^2 + 2 x_2^2. x: (2,) NDArray."""
    return x[0] ** 2 + 2 * x[1] ** 2


def double_square(x):
    """2 x^2 for each number of an array of any shape."""
    return 2 * x * x


def winding(x):
    """A way with a loop and a fork. x: (2,) NDArray."""
    y = x * 2
    while y.norm().asscalar() < 1000:
        y = y * 2
    if y.sum().asscalar() > 0:
        return y[0]
    return y[1]


FUNCTIONS = {"bowl": bowl, "double_square": double_square, "winding": winding}
print("winding of (0.5, 0.3):", winding(nd.array([0.5, 0.3])).asscalar())

# %% [markdown]
# ### Exercise 3: a gradient by machine
#
# Take the function `FUNCTIONS[name]`, let autograd find its gradient at `x`, and return it as an array of the shape of `x`.

# %% nbgrader={"grade": false, "grade_id": "gradient", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def gradient(name, x):
    """The gradient of FUNCTIONS[name] at x. x: NDArray; returns an NDArray of the same shape."""
    f = FUNCTIONS[name]
    ### BEGIN SOLUTION
    x.attach_grad()
    with autograd.record():
        y = f(x)
    y.backward()
    return x.grad
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_gradient_formulas", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "gradient" in dir(), "Run the cell of exercise 3 first: there is no gradient yet."

import numpy
from mxnet import nd as _nd


def _gradient(name, x):
    """The answer as a numpy array, after a look at what it is."""
    point = _nd.array(x)
    found = gradient(name, point)
    assert found is not None, "gradient returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"gradient must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == point.shape, (
        f"There is one slope for each number of x, so the shape is {point.shape}; yours is "
        f"{found.shape}."
    )
    assert (point.asnumpy() == numpy.array(x, dtype="float32")).all(), (
        "gradient has changed the point that it was given."
    )
    return found


# The example of the crash course (JSALT 2018, 3.autograd): d(2x^2)/dx = 4x.
_found = _gradient("double_square", [[1, 2], [3, 4]])
assert _found.tolist() == [[4, 8], [12, 16]], (
    "The derivative of 2x^2 is 4x, so at [[1, 2], [3, 4]] it is [[4, 8], [12, 16]]; you have "
    f"{_found.tolist()}."
)
_found = _gradient("bowl", [3, -1])
assert numpy.allclose(_found, [6, -4]), (
    "The gradient of x_1^2 + 2 x_2^2 at (3, -1) is [2 x_1, 4 x_2] = [6, -4]; you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(8):
    _x = _rng.normal(size=2).astype("float32")
    _found = _gradient("bowl", _x)
    assert numpy.allclose(_found, [2 * _x[0], 4 * _x[1]], atol=1e-5), (
        f"The gradient of x_1^2 + 2 x_2^2 at {_x.tolist()} is {[2 * _x[0], 4 * _x[1]]}; you "
        f"have {_found.tolist()}."
    )
    _x = _rng.normal(size=_rng.integers(1, 5, size=_rng.integers(1, 4))).astype("float32")
    _found = _gradient("double_square", _x)
    assert numpy.allclose(_found, 4 * _x, atol=1e-5), (
        f"The derivative of 2x^2 at {_x.tolist()} is {(4 * _x).tolist()}; you have "
        f"{_found.tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 3: the machine agrees with the formulas.")

# %% nbgrader={"grade": true, "grade_id": "check_gradient_winding", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "gradient" in dir(), "Run the cell of exercise 3 first: there is no gradient yet."

import numpy
from mxnet import nd as _nd


def _winding_gradient(x):
    """The answer as a numpy array, after a look at what it is."""
    found = gradient("winding", _nd.array(x))
    assert found is not None, "gradient returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray), (
        f"gradient must return an array; you have {found!r:.80}."
    )
    assert found.shape == (2,), (
        f"There is one slope for each of the two numbers, so the shape is (2,); yours is "
        f"{found.shape}."
    )
    return found


_found = _winding_gradient([0.5, 0.3])
assert _found.tolist() == [2048, 0], (
    "On its way (0.5, 0.3) is doubled eleven times and the first number, c = 1024, is returned: "
    "the slope is c / 0.5 = 2048 in the first place and 0 in the second, which c does not "
    f"depend on; you have {_found.tolist()}."
)
_found = _winding_gradient([0.5, -0.7])
assert _found.tolist() == [0, 2048], (
    "(0.5, -0.7) has a negative sum, so the second number is returned, and only it has a "
    f"slope: [0, 2048]; you have {_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng, _judged = numpy.random.default_rng(), 0
while _judged < 20:
    _x = (_rng.normal(size=2) * 10 ** _rng.uniform(-3, 1)).astype("float32")
    _factor = 2.0
    while _factor * numpy.linalg.norm(_x) < 1000:
        _factor *= 2
    if abs(_factor * numpy.linalg.norm(_x) - 1000) < 1 or abs(_factor * _x.sum()) < 1:
        continue  # too close to the fork
    _judged += 1
    # c is one of the two numbers times the factor: the slope is c / x there and 0 elsewhere.
    _expected = [_factor, 0] if _x.sum() > 0 else [0, _factor]
    _found = _winding_gradient(_x)
    assert numpy.allclose(_found, _expected, rtol=1e-5), (
        f"The slope of winding at {_x.tolist()} is {_expected}; you have {_found.tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 3: the machine follows loops and forks.")

# %% [markdown]
# Along a line, `winding` is a saw: on each tooth another number of doublings happens. Autograd gives the slope of the tooth you stand on. It knows nothing of the jumps between them, which is
# worth remembering when somebody puts an `if` into a loss.

# %% tags=["picture"]
fig, axes = plt.subplots(2, 1, figsize=(9, 4.6), sharex=True)
t = np.concatenate([np.linspace(-1, -0.02, 120), np.linspace(0.02, 1, 120)])
try:
    points = [nd.array([a, 0.01]) for a in t]
    slopes = np.array([gradient("winding", x).asnumpy() for x in points])
    axes[0].plot(t, [winding(x).asscalar() for x in points], ".", ms=3, color=BLUE)
    axes[1].semilogy(t, np.maximum(slopes[:, 0], 1), ".", ms=3, color=ORANGE, label="to $x_1$")
    axes[1].semilogy(t, np.maximum(slopes[:, 1], 1), ".", ms=3, color=GREEN, label="to $x_2$")
    axes[0].set(ylabel="value", title="winding$(x_1, 0.01)$ and its slopes")
    axes[1].set(ylabel="slope (0 drawn as 1)", xlabel="$x_1$")
    axes[1].legend()
    plt.show()
except NotImplementedError:
    plt.close(fig)
    print("Exercise 3 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 4. Why walk backwards?
#
# If $y$ depends on $u$, and $u$ on $x$, then $\frac{\partial y}{\partial x} = \frac{\partial y}{\partial u}\,\frac{\partial u}{\partial x}$: the **chain rule**. With
# vectors, these are matrices: a row for each number on top, a column for each number below. Written from left to right, loss first, the
# matrix on the left has only **one** row. So the product stays one row all the way: cheap. From right to left, one would multiply large matrices. That is why autograd goes backwards.
#
# ### Exercise 4: the shapes in the chain rule
#
# `y`, `u` and `x` say how many numbers each has; `None` stands for a plain number instead of a vector. Return the shapes of
# $\partial y/\partial u$, $\partial u/\partial x$ and $\partial y/\partial x$. By our rule (it is the one of the book), a derivative of a plain number by a plain number has the shape `(1,)`. In all other cases
# it has the shape (numbers on top, numbers below), where a plain number counts as 1.

# %% nbgrader={"grade": false, "grade_id": "chain_shapes", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def chain_shapes(y, u, x):
    """Shapes of dy/du, du/dx and dy/dx, as three tuples in a tuple. y, u, x: int or None."""
    ### BEGIN SOLUTION
    def shape(top, below):
        if top is None and below is None:
            return (1,)
        return (top or 1, below or 1)

    return shape(y, u), shape(u, x), shape(y, x)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_chain_shapes", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "chain_shapes" in dir(), "Run the cell of exercise 4 first: there is no chain_shapes yet."

import numpy


def _chain_shapes(*sizes):
    found = chain_shapes(*sizes)
    assert isinstance(found, (list, tuple)) and len(found) == 3, (
        f"chain_shapes must return three shapes; you have {found!r:.80}."
    )
    assert all(isinstance(shape, (list, tuple)) for shape in found), (
        f"Each of the three shapes is a tuple, for instance (1, 4); you have {found!r:.80}."
    )
    return tuple(tuple(shape) for shape in found)


# The three rows of the lecture (JSALT 2019): (1,n) = (1,)(1,n); (1,k)(k,n); (m,k)(k,n).
for _sizes, _expected in [
    ((None, None, 4), ((1,), (1, 4), (1, 4))),
    ((None, 3, 4), ((1, 3), (3, 4), (1, 4))),
    ((2, 3, 4), ((2, 3), (3, 4), (2, 4))),
]:
    _found = _chain_shapes(*_sizes)
    assert _found == _expected, (
        f"For y, u, x with {_sizes} numbers (None: a plain number) the shapes are {_expected}: "
        f"numbers on top, then numbers below; you have {_found}."
    )
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(60):
    _sizes = tuple(None if _rng.random() < 0.35 else int(_rng.integers(1, 9)) for _ in range(3))
    _expected = tuple(
        (1,) if top is None and below is None else (top or 1, below or 1)
        for top, below in [(_sizes[0], _sizes[1]), (_sizes[1], _sizes[2]), (_sizes[0], _sizes[2])]
    )
    _found = _chain_shapes(*_sizes)
    assert _found == _expected, (
        f"For y, u, x with {_sizes} numbers the shapes are {_expected}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 4: the shapes fit together.")

# %% [markdown]
# How much does the direction save? A loss on top of a chain of $L$ layers, each with $n$ numbers: from the left every product is (1, n)(n, n) and costs $n^2$ multiplications, from the right
# (n, n)(n, n) and $n^3$.

# %% tags=["picture"]
n = np.array([10, 30, 100, 300, 768])
fig, ax = plt.subplots()
ax.loglog(n, 12 * n**2, "o-", color=BLUE, label="from the loss backwards")
ax.loglog(n, 11 * n**3 + n**2, "o-", color=GREY, label="from the input forwards")
ax.set(xlabel="numbers in each layer", ylabel="multiplications", title="The chain rule through 12 layers")
ax.axvline(768, color=ORANGE, lw=1, ls=":")
ax.text(740, 2000, "BERT-base has 768", color=ORANGE, ha="right")
ax.legend()
plt.show()

# %% [markdown]
# ## 5. How wrong is a guess?
#
# For each word, our model gives three numbers, the **logits**, one for each language. **Softmax** turns them into probabilities, and the **cross-entropy** is minus the logarithm of
# the probability that the right language $y$ got:
#
# $$p_j = \frac{e^{o_j}}{\sum_k e^{o_k}}\qquad\text{loss} = -\log p_y = \log\sum_k e^{o_k} - o_y.$$
#
# Sure and right costs nearly nothing; sure and wrong costs much. The trap: $e^{100}$ is already more than 32 bits can hold. But subtracting the same number from all logits changes no probability (try it on paper). So
# subtract the **largest** logit of each row first. Then every $e^{o}$ is at most 1. And use the form on the right: if $p_y$ has been rounded to 0, its logarithm is lost.
#
# ### Exercise 5: a loss that survives large numbers
#
# Return the loss of each row. `nd.pick(logits, y)` takes the entry `y[i]` of each row `i`. (`nd.log_softmax` has this built in, and from the next lab on you may use it. Write it once by hand.)

# %% nbgrader={"grade": false, "grade_id": "cross_entropy", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def cross_entropy(logits, y):
    """Softmax cross-entropy of each row. logits: (n, k) NDArray; y: (n,) NDArray of labels; returns (n,)."""
    ### BEGIN SOLUTION
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits.exp().sum(axis=1).log() - nd.pick(logits, y)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_cross_entropy_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "cross_entropy" in dir(), "Run the cell of exercise 5 first: there is no cross_entropy yet."

import numpy
from mxnet import gluon as _gluon
from mxnet import nd as _nd


def _losses(logits, y):
    """The answer as a numpy array, after a look at what it is."""
    given = _nd.array(logits)
    found = cross_entropy(given, _nd.array(y))
    assert found is not None, "cross_entropy returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray) and found.dtype.kind in "iuf", (
        f"cross_entropy must return an array of numbers; you have {found!r:.80}."
    )
    assert found.shape == (len(y),), (
        f"There is one loss for each of the {len(y)} rows, so the shape is ({len(y)},); yours "
        f"is {found.shape}."
    )
    assert (given.asnumpy() == numpy.array(logits, dtype="float32")).all(), (
        "cross_entropy has changed the logits that it was given: work on a new array."
    )
    return found


_found = _losses([[0, 0], [3, 3]], [0, 1])
assert numpy.allclose(_found, numpy.log(2), atol=1e-5), (
    "Two equal logits give each class the probability 1/2, and -log(1/2) = 0.6931; you have "
    f"{_found.tolist()}."
)
_found = _losses([[numpy.log(1), numpy.log(2), numpy.log(5)]] * 3, [0, 1, 2])
assert numpy.allclose(_found, numpy.log([8, 4, 1.6]), atol=1e-5), (
    "The logits log 1, log 2, log 5 give the probabilities 1/8, 2/8, 5/8; the losses are their "
    f"negative logarithms, 2.0794, 1.3863 and 0.4700; you have {_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(10):
    _n, _k = (int(size) for size in _rng.integers(1, 7, size=2) + 1)
    _logits, _y = _rng.normal(size=(_n, _k)) * 3, _rng.integers(0, _k, size=_n)
    _expected = numpy.log(numpy.exp(_logits).sum(axis=1)) - _logits[numpy.arange(_n), _y]
    _library = _gluon.loss.SoftmaxCrossEntropyLoss()(_nd.array(_logits), _nd.array(_y)).asnumpy()
    assert numpy.allclose(_library, _expected, atol=1e-5), "The library disagrees with our formula?"
    _found = _losses(_logits, _y)
    assert numpy.allclose(_found, _expected, atol=1e-5), (
        f"For the logits {_logits.round(3).tolist()} and the labels {_y.tolist()} the losses "
        f"are {_expected.round(4).tolist()}; you have {_found.round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 5: the losses agree with the library.")

# %% nbgrader={"grade": true, "grade_id": "check_cross_entropy_stable", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "cross_entropy" in dir(), "Run the cell of exercise 5 first: there is no cross_entropy yet."

import numpy
from mxnet import nd as _nd


def _losses_of(logits, y):
    """The answer as a numpy array, after a look at what it is."""
    found = cross_entropy(_nd.array(logits), _nd.array(y))
    assert found is not None, "cross_entropy returned None; is there a `return`?"
    found = found.asnumpy() if type(found) is _nd.NDArray else found
    assert isinstance(found, numpy.ndarray), (
        f"cross_entropy must return an array; you have {found!r:.80}."
    )
    assert found.shape == (len(y),), (
        f"There is one loss for each of the {len(y)} rows, so the shape is ({len(y)},); yours "
        f"is {found.shape}."
    )
    return found


_found = _losses_of([[10000, 10000], [-10000, -10000]], [0, 1])
assert numpy.allclose(_found, numpy.log(2), atol=1e-4), (
    "Two logits of 10000, or of -10000, are still two equal logits: the loss is 0.6931; you "
    f"have {_found.tolist()}. Subtract the largest logit of each row first."
)
_found = _losses_of([[10000, 0]], [1])
assert numpy.allclose(_found, 10000, rtol=1e-5), (
    "With the logits 10000 and 0 and the label 1 the loss is 10000; you have "
    f"{_found.tolist()}. The probability is rounded to 0: don't take its logarithm, use the form "
    "on the right."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(10):
    _n, _k = int(_rng.integers(2, 6)), int(_rng.integers(2, 6))
    # Rows of very different height, so that one maximum for all rows is not enough.
    _logits = numpy.round(_rng.normal(size=(_n, _k)) * 300 + _rng.normal(size=(_n, 1)) * 10000)
    _y = _rng.integers(0, _k, size=_n)
    _shifted = _logits - _logits.max(axis=1, keepdims=True)
    _expected = numpy.log(numpy.exp(_shifted).sum(axis=1)) - _shifted[numpy.arange(_n), _y]
    _found = _losses_of(_logits, _y)
    assert numpy.allclose(_found, _expected, rtol=1e-5, atol=1e-3), (
        f"For the logits {_logits.tolist()} and the labels {_y.tolist()} the losses are "
        f"{_expected.round(3).tolist()}; you have {_found.round(3).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 5: large logits do no harm.")

# %% tags=["picture"]
logits = np.linspace(-6, 6, 61)
rows = nd.array(np.stack([logits, np.zeros(61)], axis=1))  # one logit moves, the other stays at 0
try:
    fig, ax = plt.subplots()
    ax.plot(logits, cross_entropy(rows, nd.zeros(61)).asnumpy(), color=BLUE, label="the moving one is right")
    ax.plot(logits, cross_entropy(rows, nd.ones(61)).asnumpy(), color=ORANGE, label="the other one is right")
    ax.axhline(math.log(2), color=GREY, lw=1, ls=":")
    ax.text(-6, math.log(2) + 0.15, "no idea: log 2", color=GREY)
    ax.set(xlabel="one logit (the other is 0)", ylabel="loss", title="Sure and wrong is what costs")
    ax.legend()
    plt.show()
except NotImplementedError:
    plt.close(fig)
    print("Exercise 5 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 6. One step of learning
#
# The simplest model that turns a word into three logits: give each letter a weight for each language, and add up the weights of the letters in the word, $O = XW + b$. The rows of $X$ are words, its 26 columns say how often each letter
# occurs.

# %% nbgrader={"grade": false, "grade_id": "words", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
LANGUAGES = ["English", "German", "Spanish"]
WORDS = {
    "English": """the with that have this from they would there which their about when make like time just know
        people into year good some could other than then look only come over think also back after work first well
        even want because these give most night house water through right thought young they why how who yes""",
    "German": """nicht auch sich aber nach wenn noch schon ich wir werden haben sein eine einen dieser durch zwischen
        immer wieder jetzt heute morgen nacht haus wasser kind zeit jahr leben welt machen gehen kommen sagen wissen
        arbeit weil denn doch etwas nichts ganz sehr zwei drei ja nein gut klein""",
    "Spanish": """pero como para una esto esta cuando donde porque todo nada siempre nunca ahora noche casa agua hijo
        tiempo vida mundo hacer venir decir saber trabajo que quien entre desde hasta sobre bueno malo grande dos tres
        cuatro cinco ella ellos nosotros usted mujer hombre ciudad calle libro mesa""",
}
NEW_WORDS = {
    "English": "white should never another where might away school things show",
    "German": "zwanzig schreiben niemand stehen gleich eigentlich kein recht weiter licht",
    "Spanish": "blanco escuela camino amigo palabra mano cabeza puerta suelo otra",
}


def letters(words):
    """How often each letter occurs in each word. Returns an (n, 26) NDArray."""
    return nd.array([[word.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for word in words])


def labelled(words_of):
    """Words and the numbers of their languages."""
    words = [word for language in LANGUAGES for word in words_of[language].split()]
    y = [number for number, language in enumerate(LANGUAGES) for _ in words_of[language].split()]
    return words, nd.array(y)


train_words, train_y = labelled(WORDS)
test_words, test_y = labelled(NEW_WORDS)
train_X, test_X = letters(train_words), letters(test_words)  # (n, 26)
print(f"{len(train_words)} words to learn from, {len(test_words)} new ones to try")

# %% [markdown]
# ### Exercise 6: one step of learning
#
# The loss is the **mean** cross-entropy over the $n$ rows of `X`. Its gradient is short: with $P$ the probabilities (`nd.softmax(O)`) and $Y$ the labels one-hot (`nd.one_hot(y, k)`),
#
# $$\frac{\partial\,\text{loss}}{\partial O} = \frac{P - Y}{n},\qquad \frac{\partial\,\text{loss}}{\partial W} = X^\top\,\frac{P - Y}{n},\qquad \frac{\partial\,\text{loss}}{\partial b} = \text{the sum of its rows.}$$
#
# Return the weights after one step of length `lr` against the gradient, as **new** arrays; `W` and `b` stay as they were. You may use these formulas or let autograd find them. It is the same step.

# %% nbgrader={"grade": false, "grade_id": "sgd_step", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def sgd_step(X, y, W, b, lr):
    """New (W, b) after one step. X: (n, d); y: (n,); W: (d, k); b: (k,) NDArrays; lr: float."""
    ### BEGIN SOLUTION
    P = nd.softmax(nd.dot(X, W) + b)  # (n, k)
    slope = (P - nd.one_hot(y, len(b))) / len(X)  # (n, k)
    return W - lr * nd.dot(X.T, slope), b - lr * slope.sum(axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_step_weights", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "sgd_step" in dir(), "Run the cell of exercise 6 first: there is no sgd_step yet."

import numpy
from mxnet import nd as _nd


def _new_weights(X, y, W, b, lr):
    """W after the step, after a look at what came."""
    given = [_nd.array(each) for each in (X, y, W, b)]
    found = sgd_step(*given, lr)
    assert isinstance(found, (list, tuple)) and len(found) == 2, (
        f"sgd_step must return two arrays, W and b, in this order; you have {found!r:.80}."
    )
    found = found[0].asnumpy() if type(found[0]) is _nd.NDArray else found[0]
    assert isinstance(found, numpy.ndarray), f"The new W is an array; you have {found!r:.80}."
    assert found.shape == numpy.shape(W), (
        f"The new W has the shape of the old one, {numpy.shape(W)}; yours has {found.shape}."
    )
    assert (given[2].asnumpy() == numpy.array(W, dtype="float32")).all(), (
        "The W that was handed in has changed: return a new array instead."
    )
    return found


# Two words, two letters, two languages; all weights 0, so both languages have probability 1/2.
_found = _new_weights([[1, 0], [0, 2]], [0, 1], numpy.zeros((2, 2)), [0, 0], 1.0)
assert numpy.allclose(_found, [[0.25, -0.25], [-0.5, 0.5]], atol=1e-5), (
    "With all weights 0, P - Y is [[-0.5, 0.5], [0.5, -0.5]]; divided by n = 2, multiplied with "
    "the letters and subtracted, W becomes [[0.25, -0.25], [-0.5, 0.5]]; you have "
    f"{_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(10):
    _n, _d, _k = (int(size) for size in _rng.integers(2, 5, size=3))
    _X, _y = _rng.normal(size=(_n, _d)), _rng.integers(0, _k, size=_n)
    _W, _b, _lr = _rng.normal(size=(_d, _k)), _rng.normal(size=_k), float(_rng.uniform(0.3, 3))
    _P = numpy.exp(_X @ _W + _b)
    _P /= _P.sum(axis=1, keepdims=True)
    _expected = _W - _lr * _X.T @ (_P - numpy.eye(_k)[_y]) / _n
    _found = _new_weights(_X, _y, _W, _b, _lr)
    assert numpy.allclose(_found, _expected, atol=1e-4), (
        f"For X = {_X.round(2).tolist()}, y = {_y.tolist()}, W = {_W.round(2).tolist()}, "
        f"b = {_b.round(2).tolist()}, lr = {_lr:.2f} the new W is "
        f"{_expected.round(4).tolist()}; you have {_found.round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 6: the weights make the right step.")

# %% nbgrader={"grade": true, "grade_id": "check_step_bias", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "sgd_step" in dir(), "Run the cell of exercise 6 first: there is no sgd_step yet."

import numpy
from mxnet import nd as _nd


def _new_bias(X, y, W, b, lr):
    """b after the step, after a look at what came."""
    given = [_nd.array(each) for each in (X, y, W, b)]
    found = sgd_step(*given, lr)
    assert isinstance(found, (list, tuple)) and len(found) == 2, (
        f"sgd_step must return two arrays, W and b, in this order; you have {found!r:.80}."
    )
    found = found[1].asnumpy() if type(found[1]) is _nd.NDArray else found[1]
    assert isinstance(found, numpy.ndarray), f"The new b is an array; you have {found!r:.80}."
    assert found.shape == numpy.shape(b), (
        f"The new b has the shape of the old one, {numpy.shape(b)}; yours has {found.shape}."
    )
    assert (given[3].asnumpy() == numpy.array(b, dtype="float32")).all(), (
        "The b that was handed in has changed: return a new array instead."
    )
    return found


# Three words, all of language 0; all weights 0.
_found = _new_bias(numpy.ones((3, 2)), [0, 0, 0], numpy.zeros((2, 2)), [0, 0], 1.0)
assert numpy.allclose(_found, [0.5, -0.5], atol=1e-5), (
    "Each of the three rows of (P - Y) / n is [-1/6, 1/6]; their sum is [-0.5, 0.5], and the step "
    f"goes against it: [0.5, -0.5]; you have {_found.tolist()}."
)
### BEGIN HIDDEN TESTS
_rng = numpy.random.default_rng()
for _ in range(10):
    _n, _d, _k = (int(size) for size in _rng.integers(2, 5, size=3))
    _X, _y = _rng.normal(size=(_n, _d)), _rng.integers(0, _k, size=_n)
    _W, _b, _lr = _rng.normal(size=(_d, _k)), _rng.normal(size=_k), float(_rng.uniform(0.3, 3))
    _P = numpy.exp(_X @ _W + _b)
    _P /= _P.sum(axis=1, keepdims=True)
    _expected = _b - _lr * (_P - numpy.eye(_k)[_y]).sum(axis=0) / _n
    _found = _new_bias(_X, _y, _W, _b, _lr)
    assert numpy.allclose(_found, _expected, atol=1e-4), (
        f"For X = {_X.round(2).tolist()}, y = {_y.tolist()}, W = {_W.round(2).tolist()}, "
        f"b = {_b.round(2).tolist()}, lr = {_lr:.2f} the new b is "
        f"{_expected.round(4).tolist()}; you have {_found.round(4).tolist()}."
    )
### END HIDDEN TESTS
print("Exercise 6: so does the bias.")

# %% [markdown]
# Now all of it together: letters, loss, gradient, step, 400 times.

# %% nbgrader={"grade": false, "grade_id": "learn_letters", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def mean_loss(X, y, W, b):
    return -nd.pick(nd.log_softmax(nd.dot(X, W) + b), y).mean().asscalar()


def accuracy(X, y, W, b):
    return float(((nd.dot(X, W) + b).argmax(axis=1) == y).mean().asscalar())


W, b = nd.zeros((26, 3)), nd.zeros(3)
history = []
try:
    for epoch in range(400):
        history.append((mean_loss(train_X, train_y, W, b), mean_loss(test_X, test_y, W, b)))
        W, b = sgd_step(train_X, train_y, W, b, lr=0.5)
    print(f"right: {accuracy(train_X, train_y, W, b):.0%} of the words it learnt from, "
          f"{accuracy(test_X, test_y, W, b):.0%} of the new ones (by chance: 33 %)")
except NotImplementedError:
    print("Exercise 6 is still open: come back to this cell when it passes.")

# %% tags=["picture"]
fig, axes = plt.subplots(2, 1, figsize=(10, 6), gridspec_kw={"height_ratios": [1.4, 1]})
axes[0].plot([train for train, _ in history], color=BLUE, label="words it learns from")
axes[0].plot([test for _, test in history], color=ORANGE, label="new words")
axes[0].axhline(math.log(3), color=GREY, lw=1, ls=":")
axes[0].text(400, math.log(3) + 0.02, "no idea: log 3", color=GREY, ha="right")
axes[0].set(xlabel="step", ylabel="mean loss", ylim=(0, 1.25), xlim=(-8, 408), title="Downhill")
axes[0].legend()
widest = float(nd.abs(W).max().asscalar()) or 1
axes[1].imshow(W.T.asnumpy(), cmap="RdBu", vmin=-widest, vmax=widest, aspect="auto")
axes[1].set_xticks(range(26), "abcdefghijklmnopqrstuvwxyz")
axes[1].set_yticks(range(3), LANGUAGES)
axes[1].set_title("What each letter says: blue speaks for the language, red against it")
axes[1].spines[:].set_visible(False)
fig.tight_layout()
plt.show()

# %% [markdown]
# Nobody told it that *w* and *k* are rare in Spanish, or that *y* speaks for English. Read a few columns, then try words of your own: where does it fail, and could *any* weights for single
# letters get it right?

# %%
for word in ["nacht", "night", "noche", "workshop", "banana"]:
    probabilities = nd.softmax(nd.dot(letters([word]), W) + b)[0].asnumpy()
    guess = "  ".join(f"{language} {p:.2f}" for language, p in zip(LANGUAGES, probabilities))
    print(f"{word:10}{guess}")

# %% [markdown]
# ## Going further
#
# No points here.
#
# - Letters know nothing of order: *ends* and *send* get the same logits, whatever the weights. Count pairs of letters instead of letters (*ch*, *th*, *qu*), 676 columns. How does the accuracy on new words change, and how the loss on the words it learnt from?
#   (The next lab is about what you see then.)
# - Give `sgd_step` an `lr` of 5, then 50. What happens to the curve?
# - Start with `W` at random instead of zeros. Does the result change? (It does not, in the end: this loss has one valley. A network with a hidden layer has many.)
# - Give `gradient` a function with a kink, for instance `nd.relu`, exactly at the kink. What does it answer?

# %%
# Your own experiments.
