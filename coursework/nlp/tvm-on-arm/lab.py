# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Deployment (MXNet, TVM)
#     language: python
#     name: deploy
# ---

# %% [markdown]
# # From MXNet to an Arm chip with TVM
#
# Your model answers in this notebook. Now it has to answer in a kitchen: on a box with an Arm processor, without
# MXNet, without a compiler, without anybody who can look at it. In 2019 the workshop that this lab comes from showed how,
# with a machine that could be rented by the hour: an **A1** instance, sixteen **Cortex-A72** cores, the processor of a
# small single-board computer.
#
# A **compiler** for models closes the gap. **TVM** reads the model, knows the shape of every array in it, and writes
# machine code for the processor that you name. The way there has five stations, and you build each:
#
# ```
# MXNet ──► ONNX ──► Relax, TVM's own form ──► machine code ──► package ──► Arm
#   pad            parity                  target, schedule    manifest    latency
# ```
#
# | | you write | points |
# |---|---|---|
# | 1 | one shape for all requests | 3 |
# | 2 | the model on TVM, and proof that it says the same | 3 |
# | 3 | machine code for another machine | 4 |
# | 4 | your own schedule against the default | 5 |
# | 5 | a package that refuses the wrong box | 4 |
# | 6 | a latency that you can put your name to | 3 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run the check
# below it. A check that fails says in one sentence what to think about. After you submit, the same checks
# run again with more, fresh inputs. The exercises do not depend on each other.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import hashlib
import io
import json
import math
import os
import struct
import subprocess
import tarfile
import tempfile
import time
import zlib
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
import onnx
import onnxruntime
import tvm
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn
from mxnet.onnx.mx2onnx._export_onnx import MXNetGraph
from tvm import relax, s_tir, te, tirx
from tvm.relax.frontend.onnx import from_onnx

plt.rcParams.update({
    "figure.figsize": (9, 3.6), "figure.dpi": 100, "font.size": 11,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
})
BLUE, ORANGE, GREEN, GREY = "#3b6ea8", "#e08e3c", "#5a9a5a", "#9a9a9a"

# This machine, as TVM names it, and how many 32-bit numbers one of its vector registers holds.
HOST = {"kind": "llvm", "mcpu": tvm.target.codegen.llvm_get_system_cpu()}
LANES = 16 if "avx512f" in Path("/proc/cpuinfo").read_text() else 8

# %% [markdown]
# ## 1. One shape for all requests
#
# The box understands requests to a kitchen: light, music, timer or weather? A request has four words, or nine. MXNet
# does not mind. A compiler does: it writes loops with fixed ends, plans every buffer in advance, and cuts the work into
# pieces that fit. It needs one **static shape**. So every request gets the same length: short ones are filled up with `<pad>`, long ones are
# cut, and a **mask** says which places are real, so that attention can look away from the rest.
#
# ### Exercise 1: one shape for all requests
#
# `sentences` is a list of lists of token numbers. Return two numpy arrays of 32-bit floats, both with the shape `(n, length)`: the
# numbers, filled up behind with `pad_id` or cut behind; and the mask, 1 where a token of the sentence stands and 0 behind it.

# %% nbgrader={"grade": false, "grade_id": "pad_batch", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def pad_batch(sentences, length, pad_id):
    """Token numbers and mask, float32 arrays of the shape (len(sentences), length)."""
    ### BEGIN SOLUTION
    tokens = np.full((len(sentences), length), pad_id, dtype="float32")
    mask = np.zeros((len(sentences), length), dtype="float32")
    for row, sentence in enumerate(sentences):
        kept = sentence[:length]
        tokens[row, :len(kept)] = kept
        mask[row, :len(kept)] = 1
    return tokens, mask
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_padding_tokens", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import numpy

assert "pad_batch" in dir(), "Run the cell of exercise 1 first: there is no pad_batch yet."


def _padded(sentences, length, pad_id):
    pair = pad_batch([list(sentence) for sentence in sentences], length, pad_id)
    assert isinstance(pair, (tuple, list)) and len(pair) == 2, (
        f"pad_batch must return two arrays, the tokens and the mask; you have a {type(pair).__name__}."
    )
    for name, array in zip(("tokens", "mask"), pair):
        assert isinstance(array, numpy.ndarray), (
            f"The {name} must be a numpy array, not a {type(array).__name__}."
        )
        assert array.shape == (len(sentences), length), (
            f"{len(sentences)} sentences of length {length} need the shape "
            f"{(len(sentences), length)}; your {name} have {array.shape}."
        )
        assert array.dtype == numpy.float32, (
            f"The model was exported for 32-bit floats; your {name} have the type {array.dtype}."
        )
    return [array.tolist() for array in pair]


def _expected(sentences, length, pad_id):
    tokens = [(list(s) + [pad_id] * length)[:length] for s in sentences]
    mask = [[1.0] * min(len(s), length) + [0.0] * (length - min(len(s), length)) for s in sentences]
    return tokens, mask


_tokens, _ = _padded([[2, 7, 9], [2, 5]], 4, 0)
assert _tokens[0] == [2, 7, 9, 0], (
    f"[2, 7, 9] is one short of four, so one pad_id (0) follows; you have {_tokens[0]}."
)
_tokens, _ = _padded([[2, 7, 9, 4, 6]], 3, 0)
assert _tokens[0] == [2, 7, 9], (
    f"Of [2, 7, 9, 4, 6] the first three stay, because <cls> stands in front; you have {_tokens[0]}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(20):
    _length, _pad = int(rng.integers(2, 9)), int(rng.integers(0, 5))
    _sentences = [rng.integers(5, 99, size=rng.integers(0, 12)).tolist() for _ in range(rng.integers(1, 5))]
    _tokens, _ = _padded(_sentences, _length, _pad)
    assert _tokens == _expected(_sentences, _length, _pad)[0], (
        f"For {_sentences}, length {_length} and pad_id {_pad} the tokens are "
        f"{_expected(_sentences, _length, _pad)[0]}; you have {_tokens}."
    )
### END HIDDEN TESTS
print("Exercise 1: every request has the same shape.")

# %% nbgrader={"grade": true, "grade_id": "check_padding_mask", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import numpy

assert "pad_batch" in dir(), "Run the cell of exercise 1 first: there is no pad_batch yet."


def _mask(sentences, length, pad_id):
    pair = pad_batch([list(sentence) for sentence in sentences], length, pad_id)
    assert isinstance(pair, (tuple, list)) and len(pair) == 2, (
        f"pad_batch must return two arrays, the tokens and the mask; you have a {type(pair).__name__}."
    )
    mask = pair[1]
    assert isinstance(mask, numpy.ndarray) and mask.shape == (len(sentences), length), (
        f"The mask must be a numpy array of the shape {(len(sentences), length)}; you have "
        f"{getattr(mask, 'shape', type(mask).__name__)}."
    )
    return mask.tolist()


_found = _mask([[2, 7, 9], [2, 5]], 4, 0)
assert _found == [[1, 1, 1, 0], [1, 1, 0, 0]], (
    f"Three real tokens and then two: the mask is [[1, 1, 1, 0], [1, 1, 0, 0]]; you have {_found}."
)
_found = _mask([[2, 0, 9]], 4, 0)
assert _found == [[1, 1, 1, 0]], (
    "The second token of [2, 0, 9] is real, though it has the number of the padding: count places, "
    f"do not compare numbers; you have {_found}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(20):
    _length, _pad = int(rng.integers(2, 9)), int(rng.integers(0, 3))
    _sentences = [rng.integers(0, 4, size=rng.integers(0, 12)).tolist() for _ in range(rng.integers(1, 5))]
    _right = [[float(place < len(s)) for place in range(_length)] for s in _sentences]
    _found = _mask(_sentences, _length, _pad)
    assert _found == _right, (
        f"For {_sentences}, length {_length} and pad_id {_pad} the mask is {_right}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 1: the mask knows what is real.")

# %% [markdown]
# ### The model
#
# A small encoder, as BERT is a large one: embeddings, two layers of attention and feed-forward network, and a decision at the first token, `<cls>`.
# `length` is part of the model now. Read `hybrid_forward` once; the compiler will see the same steps.

# %% nbgrader={"grade": false, "grade_id": "encoder", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
class EncoderLayer(gluon.HybridBlock):
    """Self-attention and a feed-forward network, each with a residual and a norm."""

    def __init__(self, length, num_hiddens, num_heads, num_ffn):
        super().__init__()
        self.shape = (-1, length, num_heads, num_hiddens // num_heads)
        with self.name_scope():
            self.W_q, self.W_k, self.W_v, self.W_o, self.dense2 = (
                nn.Dense(num_hiddens, flatten=False) for _ in range(5))
            self.dense1 = nn.Dense(num_ffn, flatten=False)
            self.gelu, self.norm1, self.norm2 = nn.GELU(), nn.LayerNorm(), nn.LayerNorm()

    def heads(self, F, X):  # (n, length, num_hiddens) -> (n * num_heads, length, size)
        _, length, _, size = self.shape
        return F.reshape(F.transpose(F.reshape(X, self.shape), (0, 2, 1, 3)), (-1, length, size))

    def hybrid_forward(self, F, X, bias):
        _, length, num_heads, size = self.shape
        Q, K, V = (self.heads(F, W(X)) for W in (self.W_q, self.W_k, self.W_v))
        scores = F.batch_dot(Q, K, transpose_b=True) / math.sqrt(size)
        scores = F.broadcast_add(F.reshape(scores, (-1, num_heads, length, length)), bias)
        A = F.reshape(F.softmax(scores), (-1, length, length))
        H = F.reshape(F.batch_dot(A, V), (-1, num_heads, length, size))
        H = F.reshape(F.transpose(H, (0, 2, 1, 3)), (-1, length, num_heads * size))
        X = self.norm1(X + self.W_o(H))
        return self.norm2(X + self.dense2(self.gelu(self.dense1(X))))


class Encoder(gluon.HybridBlock):
    """tokens, mask: (n, length) -> scores of the classes: (n, num_classes)."""

    def __init__(self, num_tokens, length, num_layers, num_hiddens, num_heads, num_ffn, num_classes):
        super().__init__()
        self.length = length
        with self.name_scope():
            self.embedding = nn.Embedding(num_tokens, num_hiddens)
            self.position = self.params.get("position", shape=(1, length, num_hiddens))
            self.norm = nn.LayerNorm()
            self.layers = nn.HybridSequential()
            for _ in range(num_layers):
                self.layers.add(EncoderLayer(length, num_hiddens, num_heads, num_ffn))
            self.head = nn.Dense(num_classes)

    def hybrid_forward(self, F, tokens, mask, position):
        X = self.norm(F.broadcast_add(self.embedding(tokens), position))
        # -10,000 where there is nothing to see, so that softmax gives it no weight.
        bias = F.reshape((mask - 1) * 1e4, (-1, 1, 1, self.length))
        for layer in self.layers:
            X = layer(X, bias)
        return self.head(F.slice_axis(X, axis=1, begin=0, end=1))


# %% nbgrader={"grade": false, "grade_id": "load_requests", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
vocab = Path("data/vocab.txt").read_text(encoding="utf-8").splitlines()
requests = [line.split(",") for line in Path("data/requests.csv").read_text(encoding="utf-8").splitlines()[1:]]
tokens = np.loadtxt("data/tokens.csv", delimiter=",", dtype="float32")  # padded when they were collected
mask = (tokens != vocab.index("<pad>")).astype("float32")
INTENTS = ["light", "music", "timer", "weather"]
labels = np.array([INTENTS.index(intent) for intent, _ in requests])
LENGTH, NUM_TEST = tokens.shape[1], 64

print(requests[0], tokens[0].astype(int).tolist(), sep="\n")
print(f"{len(requests)} requests, {len(vocab)} tokens, length {LENGTH}")

# %% tags=["slow"] nbgrader={"grade": false, "grade_id": "train", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
mx.random.seed(4)
net = Encoder(len(vocab), LENGTH, num_layers=2, num_hiddens=64, num_heads=4, num_ffn=256, num_classes=4)
net.initialize(mx.init.Xavier())
net.hybridize()
trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 2e-3})
loss = gluon.loss.SoftmaxCrossEntropyLoss()
X, M, y = (nd.array(array[NUM_TEST:]) for array in (tokens, mask, labels))
losses = []
for epoch in range(2):
    for start in range(0, len(y), 32):
        batch = slice(start, start + 32)
        with autograd.record():
            l = loss(net(X[batch], M[batch]), y[batch])
        l.backward()
        trainer.step(len(l))
        losses.append(float(l.mean().asscalar()))

y_hat = net(nd.array(tokens[:NUM_TEST]), nd.array(mask[:NUM_TEST])).asnumpy().argmax(axis=1)
print(f"{(y_hat == labels[:NUM_TEST]).mean():.0%} of {NUM_TEST} new requests are understood")

# %% tags=["picture", "slow"]
fig, ax = plt.subplots(figsize=(7, 3))
ax.plot(losses, color=BLUE)
ax.set_xlabel("step")
ax.set_ylabel("loss")
ax.set_title("The model that we will deploy")
plt.show()

# %% [markdown]
# (The requests are made from sixteen templates, so this says little about real kitchens. It gives us a model whose answers we can follow.)
#
# ## 2. From MXNet to TVM
#
# **ONNX** is a file format that most frameworks write and most compilers read: a list of operators with their weights. `to_onnx` writes
# it from a Gluon network for one static shape, and has onnxruntime work out beforehand whatever does not depend on the input. (The folded cell also mends two
# things: MXNet's exporter from 2021 asks today's ONNX which version to write, and writes weights number by number.)

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "to_onnx", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def _weights(node, **facts):
    """A weight or an input for MXNet's exporter: as bytes, not number by number."""
    name = node["name"]
    if facts["is_input"]:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(facts["in_type"])
        value = onnx.helper.make_tensor_value_info(name, facts["in_type"], facts["in_shape"])
        return [value], (dtype,)
    weight = np.ascontiguousarray(facts["weights"][name])
    facts["initializer"].append(onnx.numpy_helper.from_array(weight, name))
    dtype = onnx.helper.np_dtype_to_tensor_dtype(weight.dtype)
    return [onnx.helper.make_tensor_value_info(name, dtype, weight.shape)], (weight.dtype,)


def export_onnx(net, shapes):
    """A Gluon network with float32 inputs of these shapes as an ONNX model: bytes."""
    symbol = net(*[mx.sym.var(f"data{number}") for number in range(len(shapes))])
    params = {name: param.data() for name, param in net.collect_params().items()}
    opset = 13  # the newest that MXNet's exporter knows
    with mock.patch.dict(MXNetGraph.registry_[12], {"null": _weights}), \
            mock.patch("onnx.checker.check_graph"):  # it would check for today's opset
        graph = MXNetGraph().create_onnx_graph_proto(
            symbol, params, list(shapes), [onnx.TensorProto.FLOAT] * len(shapes),
            opset_version=opset, dynamic=False)
    weights = {weight.name for weight in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=7)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnx_session(model, threads=1, simplified=None):
    """The model in onnxruntime; with `simplified`, a path, only simplified and written there."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    if simplified:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(simplified)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def to_onnx(net, shapes):
    """A Gluon network as an ONNX model without shape arithmetic: bytes."""
    with tempfile.TemporaryDirectory() as folder:
        simplified = Path(folder, "simplified.onnx")
        onnx_session(export_onnx(net, shapes), simplified=simplified)
        return simplified.read_bytes()


@relax.expr_functor.mutator
class _ClipLookups(relax.PyExprMutator):
    """Embeddings are looked up with a clipped index: a wrong one must not read beyond."""

    def visit_call_(self, call):
        call = super().visit_call_(call)
        if call.op == tvm.ir.Op.get("relax.take"):
            return self.builder_.normalize(relax.op.take(*call.args, axis=call.attrs.axis, mode="clip"))
        return call


def rewrite(module, mutator):
    """The module with `mutator` applied to its functions."""
    visitor = mutator(module)
    for name, function in module.functions_items():
        if isinstance(function, relax.Function):
            visitor.builder_.update_func(name, visitor.visit_expr(function))
    return visitor.builder_.get()


def to_relax(model):
    """An ONNX model (bytes) as a module of Relax, with the weights in it."""
    return rewrite(from_onnx(onnx.load_from_string(model), keep_params_in_input=False), _ClipLookups)


# %%
demo = nn.HybridSequential()
demo.add(nn.Dense(4, activation="relu", in_units=6), nn.Dense(3, in_units=4))
demo.initialize(mx.init.Normal(1))
model = to_onnx(demo, [(2, 6)])
print(f"{len(model)} bytes of ONNX. The same in Relax:")
print(to_relax(model).script(show_meta=False))

# %% [markdown]
# Two dense layers have become `matmul`, `add`, `relu`, `matmul`, `add`, each with the shape of its result. This is what TVM compiles.
#
# ### Exercise 2: run it on TVM
#
# Compile `to_relax(model)` for this machine and run it on `inputs`, a list of numpy arrays. You need:
#
# - `tvm.compile(module, target=tvm.target.Target(HOST))` gives an executable,
# - `relax.VirtualMachine(executable, tvm.cpu())` runs it: its entry `["main"]` is a function,
# - `tvm.runtime.tensor(array)` makes a tensor of a numpy array, and `.numpy()` the way back.

# %% nbgrader={"grade": false, "grade_id": "run_on_tvm", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def run_on_tvm(model, inputs):
    """The answer of an ONNX model (bytes) to a list of numpy arrays: a numpy array."""
    ### BEGIN SOLUTION
    executable = tvm.compile(to_relax(model), target=tvm.target.Target(HOST))
    machine = relax.VirtualMachine(executable, tvm.cpu())
    y_hat = machine["main"](*[tvm.runtime.tensor(array) for array in inputs])
    return y_hat.numpy()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_parity", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import numpy
from mxnet import init as _init
from mxnet import nd as _nd
from mxnet.gluon import nn as _nn

assert "run_on_tvm" in dir(), "Run the cell of exercise 2 first: there is no run_on_tvm yet."


class _Sum(_nn.HybridBlock):
    """Two inputs, so that their order matters."""

    def __init__(self, units):
        super().__init__()
        with self.name_scope():
            self.one = _nn.Dense(units, activation="tanh")
            self.other = _nn.Dense(units)

    def hybrid_forward(self, F, X, Z):
        return self.one(X) - 2 * self.other(Z)


def _answers(rng):
    """MXNet's answer and yours, for a network with random weights and a random input."""
    n, d, units = (int(number) for number in rng.integers(2, 7, size=3))
    net = _Sum(units)
    net.initialize(_init.Normal(0.5))
    inputs = [rng.normal(size=(n, d)).astype("float32") for _ in range(2)]
    expected = net(*map(_nd.array, inputs)).asnumpy()
    found = run_on_tvm(to_onnx(net, [(n, d), (n, d)]), inputs)
    assert isinstance(found, numpy.ndarray), (
        f"run_on_tvm must return a numpy array, not a {type(found).__name__}; is there a "
        "`return`, and `.numpy()`?"
    )
    assert found.shape == expected.shape, (
        f"MXNet's answer has the shape {expected.shape}, yours {found.shape}."
    )
    assert found.dtype == expected.dtype, (
        f"MXNet's answer has the type {expected.dtype}, yours {found.dtype}."
    )
    return expected, found


rng = numpy.random.default_rng()
_expected, _found = _answers(rng)
_apart = numpy.abs(_expected - _found).max()
# Not `_apart > 1e-5`: a comparison with nan is never true.
assert _apart <= 1e-5, (
    f"TVM and MXNet must agree to 0.00001 on the same input; yours differ by {_apart:.3g}. Do all "
    "inputs go in, in their order?"
)
### BEGIN HIDDEN TESTS
for _ in range(2):
    _expected, _found = _answers(rng)
    _apart = numpy.abs(_expected - _found).max()
    assert _apart <= 1e-5, (
        f"For a fresh network TVM and MXNet must agree to 0.00001; yours differ by {_apart:.3g}."
    )
### END HIDDEN TESTS
print(f"Exercise 2: MXNet and TVM differ by {_apart:.1g} at most.")

# %% [markdown]
# **Parity** is the one promise of deployment that can be checked to the last digit, so check it, always, against
# the framework in which the model was trained. Now for our own model.

# %% tags=["picture", "slow"]
try:
    model = to_onnx(net, [(1, LENGTH), (1, LENGTH)])
    request = [tokens[:1], mask[:1]]
    started = time.perf_counter()
    y_hat = run_on_tvm(model, request)
    expected = net(*map(nd.array, request)).asnumpy()
    print(f"compiled and run in {time.perf_counter() - started:.1f} s; they differ by {np.abs(y_hat - expected).max():.1g}")
    fig, ax = plt.subplots(figsize=(7, 3))
    places = np.arange(len(INTENTS))
    ax.bar(places - 0.2, expected[0], 0.38, color=BLUE, label="MXNet")
    ax.bar(places + 0.2, y_hat[0], 0.38, color=ORANGE, label="TVM")
    ax.set_xticks(places, INTENTS)
    ax.set_ylabel("score")
    ax.set_title(f"“{requests[0][1]}”")
    ax.legend(frameon=False)
    plt.show()
except NotImplementedError:
    print("Exercise 2 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 3. Machine code for another machine
#
# A compiler need not run on the machine that it writes for: **cross-compiling** takes nothing but another **target**. In TVM that is a dictionary:
#
# | key | says | here | for an A1 |
# |---|---|---|---|
# | `kind` | which code generator | `llvm` | `llvm` |
# | `mtriple` | architecture and system | (that of this machine) | `aarch64-linux-gnu` |
# | `mcpu` | which processor | see `HOST` | `cortex-a72` |
#
# `mcpu` is not decoration. Processors of one architecture differ in what they can do: newer Arm servers have **SVE**, vectors of a length that the processor chooses. A Cortex-A72
# has none. Give it such code, and it does not run slowly; it stops with *illegal instruction*.
#
# The folded cell looks into what was compiled: for which machine is it, as the file's own header says, and how many SVE instructions does it have?

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "look_inside", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
MACHINES = {62: "x86-64", 183: "Arm, 64 bits"}


def export(executable):
    """What was compiled, as bytes: an archive of object files, so no linker is needed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tar")
        executable.export_library(str(path))
        return path.read_bytes()


def objects(code):
    """The ELF files in an archive, or the one that these bytes are."""
    if code[:4] == b"\x7fELF":
        return [code]
    try:
        unpacked = zlib.decompressobj(31).decompress(code, 2**26)
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            files = [archive.extractfile(member).read() for member in archive if member.isfile()]
    except (tarfile.TarError, EOFError, zlib.error):
        return []
    return [file for file in files if file[:4] == b"\x7fELF"]


def machine_of(elf):
    """The number of the machine that an ELF file was made for: two bytes of its header."""
    return struct.unpack_from("<H", elf, 18)[0]


def instructions(elf):
    """The machine code of an ELF file for Arm: its executable sections as 32-bit words."""
    start, = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    words = [np.zeros(0, "uint32")]
    for at in range(start, start + size * count, size):
        flags, _, offset, length = struct.unpack_from("<QQQQ", elf, at + 8)
        if flags & 4 and length % 4 == 0:  # executable
            words.append(np.frombuffer(elf, "<u4", length // 4, offset))
    return np.concatenate(words)


def look_inside(code):
    """What is in compiled code: the machines it was made for and the number of SVE instructions."""
    files = objects(code)
    sve = sum(int(((instructions(elf) >> 25) & 15 == 2).sum()) for elf in files if machine_of(elf) == 183)
    return {"machines": sorted({machine_of(elf) for elf in files}), "sve": sve, "bytes": len(code)}


# %% tags=["slow"]
for title, choice in {
    "this machine": HOST,
    "a Graviton3": {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "neoverse-v1"},
}.items():
    code = export(tvm.compile(to_relax(to_onnx(demo, [(8, 6)])), target=tvm.target.Target(choice)))
    inside = look_inside(code)
    print(f"{title}: {[MACHINES.get(number, number) for number in inside['machines']]}, {inside['sve']} SVE instructions")

# %% [markdown]
# ### Exercise 3: machine code for an A1
#
# Write the target of an A1, and a function that compiles an ONNX model for any target, whatever machine it runs on. `export(executable)` gives
# the bytes.

# %% nbgrader={"grade": false, "grade_id": "build_for", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def arm_target():
    """The target of an A1 instance, as a dictionary."""
    ### BEGIN SOLUTION
    return {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a72"}
    ### END SOLUTION


def build_for(model, target):
    """An ONNX model (bytes), compiled for the target, a dictionary: the bytes that `export` gives."""
    ### BEGIN SOLUTION
    return export(tvm.compile(to_relax(model), target=tvm.target.Target(target)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_arm_target", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
assert "arm_target" in dir(), "Run the cell of exercise 3 first: there is no arm_target yet."

rng = None  # nothing to draw: there is one right machine
_target = arm_target()
assert isinstance(_target, dict), (
    f"arm_target must return a dictionary, not a {type(_target).__name__}; is there a `return`?"
)
assert all(isinstance(part, str) for part in (*_target, *map(_target.get, ("kind", "mtriple", "mcpu")))), (
    f"The keys kind, mtriple and mcpu all need a text; you have {sorted(map(str, _target))}."
)
assert _target["kind"] == "llvm", (
    f"LLVM writes code for Arm, too, so the kind is 'llvm'; you have {_target['kind']!r}."
)
_parts = _target["mtriple"].split("-")
assert _parts[0] == "aarch64" and _parts[-2:] == ["linux", "gnu"], (
    f"The A1's architecture is called aarch64, and it runs Linux; you have {_target['mtriple']!r}."
)
assert _target["mcpu"] == "cortex-a72", (
    f"An A1 has Cortex-A72 cores; code for {_target['mcpu']!r} may use instructions that they do not have."
)
print("Exercise 3: that is an A1.")

# %% nbgrader={"grade": true, "grade_id": "check_arm_code", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import numpy
from mxnet import init as _init
from mxnet.gluon import nn as _nn

assert "build_for" in dir(), "Run the cell of exercise 3 first: there is no build_for yet."

_A1 = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a72"}
_GRAVITON3 = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "neoverse-v1"}
_SERVER = {"kind": "llvm", "mtriple": "x86_64-linux-gnu", "mcpu": "x86-64-v2"}


def _built(rng, target):
    """A network of random size and weights, compiled by you; and whether its weights are in there."""
    # Up to ten units the compiler finds no use for SVE, also where the target has it.
    d, units = int(rng.integers(8, 40)), int(rng.integers(16, 40))
    net = _nn.Dense(units, in_units=d, bias_initializer=_init.Normal(1), activation="relu")
    net.initialize(_init.Normal(1))
    code = build_for(to_onnx(net, [(4, d)]), dict(target))
    assert isinstance(code, bytes), (
        f"build_for must return bytes, not a {type(code).__name__}: what does `export` give?"
    )
    bias = net.bias.data().asnumpy().astype("<f4").tobytes()
    return look_inside(code), any(bias in elf for elf in objects(code))


rng = numpy.random.default_rng()
_inside, _ = _built(rng, _A1)
assert _inside["machines"], "There is no machine code in these bytes: return what `export` gives."
assert _inside["machines"] == [183], (
    "An A1 has number 183, 64-bit Arm, in its files; yours were made for machine "
    f"{', '.join(map(str, _inside['machines']))} (62 is x86-64): did the target get through to tvm.compile?"
)
assert _inside["sve"] == 0, (
    f"A Cortex-A72 has no SVE, and your code has {_inside['sve']} instructions of it: did tvm.compile get "
    "the target as it is?"
)
### BEGIN HIDDEN TESTS
for _which in rng.permutation(3):
    _target = (_A1, _GRAVITON3, _SERVER)[_which]
    _inside, _has_weights = _built(rng, _target)
    _machine = 62 if _target is _SERVER else 183
    assert _inside["machines"] == [_machine], (
        f"For {_target} the machine is {_machine}; your code is for {_inside['machines']}."
    )
    assert (_inside["sve"] > 0) is (_target is _GRAVITON3), (
        f"For {_target} your code has {_inside['sve']} SVE instructions: was it compiled for this mcpu?"
    )
    assert _has_weights, "The weights of the model that was given are not in your code: compile `model`."
### END HIDDEN TESTS
print("Exercise 3: code for an Arm, without an Arm.")

# %% [markdown]
# ## 4. Your own schedule
#
# What does compiled code do? Look at the heart of every network, the product of two matrices. TVM keeps apart *what* is
# computed and *in which order*, the **schedule**. Here is the product, with the weights already in the order in which they will be read: in panels, each some
# columns wide.

# %% nbgrader={"grade": false, "grade_id": "product", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def packed_matmul(X, W):
    """X: (..., n, d); W: (panels, d, columns of a panel). Returns (..., n, panels * columns)."""
    *rows, depth = X.shape
    panels, _, columns = W.shape
    k = te.reduce_axis((0, depth), name="k")

    def dot(*at):
        *row, j = at
        return te.sum(X(*row, k) * W[tirx.floordiv(j, columns), k, tirx.floormod(j, columns)], axis=k)

    return te.compute((*rows, panels * columns), dot, name="matmul")


def pack(W, columns):
    """Weights of a Dense layer, (units, d), in panels: (units / columns, d, columns)."""
    units, d = W.shape
    return np.ascontiguousarray(W.reshape(units // columns, columns, d).transpose(0, 2, 1))


def product(n, units, d, columns):
    """The product of (n, d) and packed weights for `units`, as a function of TVM."""
    X = te.placeholder((n, d), name="X")
    W = te.placeholder((units // columns, d, columns), name="W")
    return te.create_prim_func([X, W, packed_matmul(X, W)])


def fresh_schedule(function):
    """A schedule, its matmul, and what writes the result: from a tile's sums to memory."""
    sch = s_tir.Schedule(function)
    matmul = sch.get_sblock("matmul")
    after = sch.get_consumers(matmul)
    while after and sch.get_consumers(after[0]):  # all but the last are done on the way
        sch.compute_inline(after[0])
        after = sch.get_consumers(matmul)
    if not after:
        return sch, matmul, sch.cache_write(matmul, 0, "local")
    sch.set_scope(matmul, 0, "local")
    return sch, matmul, after[0]


def tile_size(lanes):
    """Rows, columns and lanes of a tile: its sums must fit into the registers."""
    return (4 if lanes == 8 else 8), 2 * lanes, lanes


def steps_of(sch):
    """What was done to a schedule, as text that another process can do again."""
    def plain(part):
        if isinstance(part, (tirx.IntImm, tirx.FloatImm)):
            return part.value
        if isinstance(part, (str, int, float, type(None))):
            return part
        return [plain(each) for each in part]

    return json.dumps(plain(sch.trace.as_json()))


print(product(n=128, units=384, d=384, columns=32).script())

# %% [markdown]
# The **default** is these three loops as they stand: for each row and each column, walk along `k` and add. Each step waits for the
# addition before it, and each number of `X` is fetched again for every column.
#
# A core can do far more at once. It has **vector registers**: one instruction multiplies and adds 4 numbers on a Cortex-A72, 8 or 16 here. It starts new additions while earlier
# ones are under way, if they do not need each other. And it has two dozen registers to keep sums in. So compute a **tile** of the result at a time, say 8 rows and two
# registers of columns: 16 sums that do not wait for each other, 8 + 2 numbers fetched for 16 multiplications.
#
# ```
# for panel of columns                 in parallel, on all cores
#   for tile of rows
#     for k
#       for row in tile                unrolled: written out, no loop is left
#         for register in tile         unrolled
#           lane                       vectorized: one instruction
#     write the tile to its place
# ```
#
# ### Exercise 4: tile, reorder, vectorize
#
# The loops `i` (rows), `j` (columns) and `k` (depth) are given; `batch` holds the loops around them, if there are any. `rows`, `columns` and `lanes` say how large a tile is.
#
# 1. `outer, inner = sch.split(loop, [None, size])` cuts a loop in two. Cut `i` by `rows`, `j` by `columns`, and the inner part of `j` by `lanes`.
# 2. `sch.reorder(...)` puts loops into the order of the sketch, from the outside in: `*batch` first.
# 3. `sch.reverse_compute_at(write, loop)` writes the result after each turn of `loop`: the loop over tiles of rows.
# 4. `sch.parallel(sch.fuse(*batch, loop))`, `sch.unroll(loop)` twice, `sch.vectorize(loop)`.
# 5. `sch.decompose_reduction(matmul, k)` moves "start with 0" in front of the loop over `k`.

# %% nbgrader={"grade": false, "grade_id": "tile_matmul", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def tile_matmul(sch, matmul, write, tile):
    """Schedule a product: `matmul` computes it, `write` puts a tile into its place."""
    rows, columns, lanes = tile
    *batch, i, j, k = sch.get_loops(matmul)
    ### BEGIN SOLUTION
    i_tile, row = sch.split(i, [None, rows])
    panel, column = sch.split(j, [None, columns])
    register, lane = sch.split(column, [None, lanes])
    sch.reorder(*batch, panel, i_tile, k, row, register, lane)
    sch.reverse_compute_at(write, i_tile)
    sch.parallel(sch.fuse(*batch, panel))
    sch.unroll(row)
    sch.unroll(register)
    sch.vectorize(lane)
    sch.decompose_reduction(matmul, k)
    ### END SOLUTION


def tile_steps(n, units, d, lanes):
    """Your schedule of one product, as text: the check does the same steps again."""
    tile = tile_size(lanes)
    sch, matmul, write = fresh_schedule(product(n, units, d, tile[1]))
    tile_matmul(sch, matmul, write, tile)
    return steps_of(sch)


# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "replay", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
# Steps that change the order of a computation, never what is computed.
KNOWN_STEPS = {
    "GetSBlock", "GetLoops", "GetConsumers", "GetProducers", "GetChildBlocks", "Split", "Fuse", "Reorder", "Parallel",
    "Vectorize", "Unroll", "ComputeAt", "ReverseComputeAt", "ComputeInline", "ReverseComputeInline", "CacheRead",
    "CacheWrite", "SetScope", "DecomposeReduction", "AddUnitLoop", "StorageAlign", "EnterPostproc",
}


def replay(steps, n, units, d, lanes):
    """Do the steps of `tile_steps` to the same product again; an AssertionError says why not."""
    assert isinstance(steps, str), (
        f"tile_steps must return the text that steps_of gives, not a {type(steps).__name__}: leave its lines as they were."
    )
    try:
        trace = json.loads(steps)
        used = {step[0] for step in trace[0]}
    except (ValueError, TypeError, IndexError, KeyError):
        used = None
    assert used is not None, "tile_steps must return the text that steps_of gives: leave its lines as they were."
    assert used <= KNOWN_STEPS, f"Only steps of the exercise count here, not {', '.join(map(str, used - KNOWN_STEPS))}."
    sch = s_tir.Schedule(product(n, units, d, tile_size(lanes)[1]))
    try:
        s_tir.schedule.Trace.apply_json_to_schedule(trace, sch)
    except Exception as error:  # whatever TVM says about steps that don't fit
        sch, reason = None, str(error).strip().splitlines()[-1]
    assert sch is not None, f"Your steps do not fit the product: {reason}."
    return sch.mod


def seconds_of(function, arrays, times):
    """The fastest of some runs: everything slower was disturbed."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        function(*arrays)
        found.append(time.perf_counter() - started)
    return min(found)


def race(steps, n, units, d):
    """The scheduled product and the default: is it right, and how many times faster is it?"""
    columns = tile_size(LANES)[1]
    X, W = np.random.normal(size=(n, d)).astype("float32"), np.random.normal(size=(units, d)).astype("float32")
    arrays = [tvm.runtime.tensor(array) for array in (X, pack(W, columns), np.zeros((n, units), "float32"))]
    scheduled = replay(steps, n, units, d, LANES)
    try:
        own = tvm.compile(scheduled, target=tvm.target.Target(HOST))
    except Exception as error:  # whatever TVM says about loops that can't be compiled
        own, reason = None, str(error).strip().splitlines()[-1]
    assert own is not None, f"Your schedule can't be compiled: {reason}."
    default = tvm.compile(product(n, units, d, columns), target=tvm.target.Target(HOST))
    own(*arrays)
    apart = float(np.abs(arrays[2].numpy() - X @ W.T).max())
    return {"apart": apart, "own": seconds_of(own, arrays, 9), "default": seconds_of(default, arrays, 2)}


# %% nbgrader={"grade": true, "grade_id": "check_schedule_tiles", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import re

import numpy

assert "tile_steps" in dir(), "Run the cell of exercise 4 first: there is no tile_matmul yet."


def _nest(module, block):
    """The loops around a block of the scheduled product, from the outside in: ["parallel 4", ...]."""
    around = []
    for line in module.script().splitlines():
        depth = len(line) - len(line.lstrip())
        around = [(at, loops) for at, loops in around if at < depth]
        loop = re.match(r" *for .* in (?:T\.)?(\w+)\((.*)\):", line)
        if loop:
            kind = {"range": "serial", "grid": "serial"}.get(loop[1], loop[1])
            around.append((depth, [f"{kind} {turns}" for turns in loop[2].split(", ")]))
        if f'T.sblock("{block}")' in line:
            return [name for _, loops in around for name in loops]
    return []


rng = numpy.random.default_rng()
for _ in range(3):
    _lanes = int(rng.choice([4, 8, 16]))
    _rows, _columns, _ = tile_size(_lanes)
    _tiles, _panels, _d = (int(number) for number in rng.integers([3, 6, 33], [6, 9, 40]))
    _n, _units = _tiles * _rows, _panels * _columns
    _scheduled = replay(tile_steps(_n, _units, _d, _lanes), _n, _units, _d, _lanes)
    _outside = [f"parallel {_panels}", f"serial {_tiles}"]
    _inside = [f"serial {_d}", f"unroll {_rows}", f"unroll {_columns // _lanes}", f"vectorized {_lanes}"]
    _found = _nest(_scheduled, "matmul_update")
    assert _found, (
        "The sums start with 0 inside of the loop over k: sch.decompose_reduction(matmul, k) moves that in front, last of all."
    )
    assert _found == _outside + _inside, (
        f"For {_n} rows, {_units} columns and a depth of {_d}, in tiles of {_rows} by {_columns} with {_lanes} lanes, the "
        f"loops from the outside in are {_outside + _inside}; you have {_found}."
    )
    _found = _nest(_scheduled, "matmul_local")
    assert _found[:2] == _outside, (
        f"Each tile is written when it is done, so inside of {_outside}; your tiles are written inside of {_found}."
    )
print("Exercise 4: the loops are in tiles.")

# %% nbgrader={"grade": true, "grade_id": "check_schedule_speed", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import numpy

assert "tile_steps" in dir(), "Run the cell of exercise 4 first: there is no tile_matmul yet."

rng = numpy.random.default_rng()
_n, _units, _d = 64, 64 * int(rng.integers(2, 4)), int(rng.integers(500, 600))
_race = race(tile_steps(_n, _units, _d, LANES), _n, _units, _d)
assert _race["apart"] <= 1e-3, (
    f"A schedule changes the order, never the result; yours is off by {_race['apart']:.3g}."
)
_ratio = _race["default"] / _race["own"]
# The reference is 40 to 70 times as fast on processors with 16 lanes: see instructor.md.
assert _ratio >= 12, (
    f"Your schedule is {_ratio:.1f} times as fast as the default, and 12 times is the least: is k outside of the "
    "tile, and the lane inside?"
)
print(f"Exercise 4: {_ratio:.0f} times as fast as the default.")

# %% [markdown]
# ### The whole model
#
# Your schedule is for one product. In the encoder there are products with what comes behind them (a bias, a division), and softmax, norms and lookups. The folded cell
# packs the weights while it compiles, so that no time is lost on it later, lets TVM fuse what can be done in passing, gives every product your schedule
# and everything else a plain one, and replaces the exponential and the error function by polynomials that vectors can compute.

# %% jupyter={"source_hidden": true} nbgrader={"grade": false, "grade_id": "optimise", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def preparing(columns):
    """Packs the weights of dense layers, and squares by multiplying."""

    @relax.expr_functor.mutator
    class Prepare(relax.PyExprMutator):
        def visit_call_(self, call):
            call = super().visit_call_(call)
            if call.op == tvm.ir.Op.get("relax.power") and self.number(call.args[1]) == 2:
                return self.builder_.normalize(relax.op.multiply(call.args[0], call.args[0]))
            if call.op == tvm.ir.Op.get("relax.matmul"):
                W = self.weights(call.args[1])
                if W is not None and len(W) % columns == 0:
                    panels = relax.const(pack(W, columns))
                    return self.builder_.call_te(packed_matmul, call.args[0], panels)
            return call

        def number(self, value):
            return float(value.value.numpy()) if hasattr(value, "value") and not value.ty.shape else None

        def weights(self, value):
            """The (units, d) weights that this is the transposed of, or None."""
            made = self.lookup_binding(value) if isinstance(value, relax.Var) else None
            if isinstance(made, relax.Call) and made.op == tvm.ir.Op.get("relax.permute_dims"):
                return made.args[0].value.numpy() if hasattr(made.args[0], "value") else None
            return None

    return Prepare


def schedule_product(function, lanes):
    """A product and what is fused to it: with your tiles, where they fit."""
    sch, matmul, write = fresh_schedule(function)
    tile = rows, columns, _ = tile_size(lanes)
    *_, i, j, _ = sch.get_loops(matmul)
    if int(sch.get(i).extent) % rows or int(sch.get(j).extent) % columns:
        return function  # a few rows or columns: the decision at the end
    tile_matmul(sch, matmul, write, tile)
    _, lane = sch.split(sch.get_loops(write)[-1], [None, lanes])
    sch.vectorize(lane)
    return sch.mod["main"]


def is_reduction(sch, block):
    return any(axis.iter_type == tirx.IterVar.CommReduce for axis in sch.get(block).iter_vars)


def schedule_rest(function, lanes):
    """Everything but products: intermediate results away, rows in parallel, vectors inside."""
    sch = s_tir.Schedule(function)
    root = sch.get_sblock("root")
    *before, last = sch.get_child_blocks(root)
    for block in before:
        if not is_reduction(sch, block):
            try:
                sch.compute_inline(block)
            except s_tir.ScheduleError:
                pass  # it is needed as a whole
    blocks = sch.get_child_blocks(root)
    for block in blocks:
        *outer, inner = sch.get_loops(block) or [sch.add_unit_loop(block)]
        if len(blocks) == 1 and not is_reduction(sch, block):
            inner, lane = sch.split(sch.fuse(*outer, inner), [None, lanes])
            sch.vectorize(lane)
            outer = [inner]
        if outer:
            sch.parallel(sch.fuse(*outer))
    return sch.mod["main"]


def optimise(module, lanes):
    """A module of Relax, fused and scheduled: ready for tvm.compile."""
    module = rewrite(module, preparing(tile_size(lanes)[1]))
    module = tvm.transform.Sequential([
        relax.transform.FastMathTransform(),
        relax.transform.LegalizeOps(),
        relax.transform.AnnotateTIROpPattern(),
        relax.transform.FoldConstant(),
        relax.transform.FuseOps(),
        relax.transform.FuseTIR(),
        relax.transform.DeadCodeElimination(),
    ])(module)
    for name, function in module.functions_items():
        if isinstance(function, tirx.PrimFunc):
            schedule = schedule_product if "matmul" in name.name_hint else schedule_rest
            scheduled = schedule(function.with_attr("global_symbol", "main"), lanes)
            module.update_func(name, scheduled.with_attr("global_symbol", name.name_hint))
    return module


# %% tags=["picture", "slow"]
try:
    large = Encoder(len(vocab), 64, num_layers=1, num_hiddens=256, num_heads=4, num_ffn=1024, num_classes=4)
    large.initialize(mx.init.Xavier())
    arrays = [np.zeros((1, 64), "float32"), np.ones((1, 64), "float32")]
    large(*map(nd.array, arrays))  # the weights are made when they are first needed
    model = to_onnx(large, [(1, 64), (1, 64)])
    inputs = [tvm.runtime.tensor(array) for array in arrays]
    compiled = {
        "default": to_relax(model),
        "your schedule": optimise(to_relax(model), LANES),
    }
    milliseconds, answers = {}, []
    for title, module in compiled.items():
        machine = relax.VirtualMachine(tvm.compile(module, target=tvm.target.Target(HOST)), tvm.cpu())
        answers.append(machine["main"](*inputs).numpy())
        milliseconds[title] = 1000 * seconds_of(machine["main"], inputs, 3)
    session = onnx_session(model, threads=os.cpu_count())
    feed = {"data0": arrays[0], "data1": arrays[1]}
    milliseconds["onnxruntime"] = 1000 * seconds_of(lambda: session.run(None, feed), [], 9)
    print(f"default and yours differ by {np.abs(answers[0] - answers[1]).max():.1g}")
    fig, ax = plt.subplots(figsize=(7.5, 2.6))
    bars = ax.barh(list(milliseconds), list(milliseconds.values()), color=[GREY, ORANGE, BLUE])
    ax.bar_label(bars, fmt="%.1f ms", padding=4)
    ax.set_xscale("log")
    ax.set_xlim(min(milliseconds.values()) / 10, 4 * max(milliseconds.values()))
    ax.set_xlabel("milliseconds on this machine (logarithmic)")
    ax.set_title("One layer, 256 numbers wide, 64 tokens")
    ax.invert_yaxis()
    plt.show()
except NotImplementedError:
    print("Exercise 4 is still open: come back to this picture when it passes.")

# %% [markdown]
# About two orders of magnitude, by ten lines that change nothing of the result. On a BERT-base encoder (twelve layers, 768 wide, 128 tokens) the same lines came out
# at about the speed of onnxruntime, whose kernels are written by hand for each processor; yours come from a description that can be compiled for another one.
#
# ## 5. A package that refuses the wrong box
#
# A file of machine code says little about itself. Somebody will copy it to the wrong box, feed it a different vocabulary, or change a byte. So it travels with a **manifest**: what it is, for what, and the
# checksum of every byte. The box compares before it loads; a library that was made for another processor can end the whole program.
#
# ### Exercise 5: manifest and problems
#
# `make_manifest` returns a dictionary with
#
# | key | value |
# |---|---|
# | `sha256` | the SHA-256 of `code`, in hexadecimal: `hashlib.sha256(code).hexdigest()` |
# | `target` | the target, as it is |
# | `length` | the length for which the model was compiled |
# | `vocab_sha256` | the SHA-256 of the tokens, joined by `"\n"`, in UTF-8 |
#
# `problems` returns the list of what does not fit, in alphabetical order, and an empty list for a good package. `box` says what the box is and has: `machine` (183 for an Arm), `mcpu`, `length` and `vocab_sha256`.
#
# - `"bytes"`: the code's SHA-256 is not the manifest's;
# - `"length"` and `"vocab"`: the manifest's are not the box's;
# - `"machine"`: the number in the code itself is not the box's: `machines_in(code)` lists the numbers, and the only right answer is `[box["machine"]]`;
# - `"mcpu"`: the manifest's target names another processor than the box's.
#
# A key that is missing in the manifest, or a target without `mcpu`, is a problem of its kind, not an exception.

# %% nbgrader={"grade": false, "grade_id": "machines_in", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def machines_in(code):
    """The machines that the ELF files in these bytes were made for, such as [183]."""
    return sorted({machine_of(elf) for elf in objects(code)})


# %% nbgrader={"grade": false, "grade_id": "manifest", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def make_manifest(code, target, length, vocab):
    """The manifest of compiled code (bytes), a dictionary; vocab is a list of tokens."""
    ### BEGIN SOLUTION
    return {
        "sha256": hashlib.sha256(code).hexdigest(),
        "target": target,
        "length": length,
        "vocab_sha256": hashlib.sha256("\n".join(vocab).encode()).hexdigest(),
    }
    ### END SOLUTION


def problems(code, manifest, box):
    """What forbids to load `code` on `box`: a sorted list of "bytes", "length", "machine", "mcpu", "vocab"."""
    ### BEGIN SOLUTION
    fits = {
        "bytes": manifest.get("sha256") == hashlib.sha256(code).hexdigest(),
        "length": manifest.get("length") == box["length"],
        "machine": machines_in(code) == [box["machine"]],
        "mcpu": manifest.get("target", {}).get("mcpu") == box["mcpu"],
        "vocab": manifest.get("vocab_sha256") == box["vocab_sha256"],
    }
    return sorted(name for name in fits if not fits[name])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_manifest", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import hashlib as _hashlib

import numpy

assert "make_manifest" in dir(), "Run the cell of exercise 5 first: there is no make_manifest yet."


def _manifest(code, target, length, vocab):
    manifest = make_manifest(code, dict(target), length, list(vocab))
    assert isinstance(manifest, dict), (
        f"make_manifest must return a dictionary, not a {type(manifest).__name__}; is there a `return`?"
    )
    assert set(manifest) == {"sha256", "target", "length", "vocab_sha256"}, (
        f"The manifest has the keys sha256, target, length and vocab_sha256; yours has {sorted(map(str, manifest))}."
    )
    return manifest


_found = _manifest(b"abc", {"kind": "llvm", "mcpu": "cortex-a72"}, 16, ["<pad>", "tea"])
# The SHA-256 of "abc" is the first example of FIPS 180-2, the standard that defines it.
assert _found["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", (
    f"The SHA-256 of b'abc' begins with ba7816bf; you have {_found['sha256']!r}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(10):
    _code, _length = rng.bytes(int(rng.integers(1, 40))), int(rng.integers(4, 500))
    _vocab = [rng.bytes(3).hex() + "\u00e9" for _ in range(rng.integers(2, 9))]
    _target = {"kind": "llvm", "mcpu": rng.bytes(4).hex()}
    _found = _manifest(_code, _target, _length, _vocab)
    assert _found["sha256"] == _hashlib.sha256(_code).hexdigest(), f"The SHA-256 is wrong for the code {_code!r}."
    assert _found["target"] == _target, f"The target {_target} stands in the manifest as it is; you have {_found['target']}."
    assert _found["length"] == _length, f"The length was {_length}; you have {_found['length']!r}."
    _joined = "\n".join(_vocab).encode("utf-8")
    assert _found["vocab_sha256"] == _hashlib.sha256(_joined).hexdigest(), (
        f"The tokens {_vocab} are joined by a line break, and the SHA-256 of these bytes is needed."
    )
### END HIDDEN TESTS
print("Exercise 5: the package says what it is.")

# %% nbgrader={"grade": true, "grade_id": "check_problems", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import copy as _copy
import hashlib as _hashlib
import struct as _struct

import numpy

assert "problems" in dir(), "Run the cell of exercise 5 first: there is no `problems` yet."


def _code(machine, rng):
    """The smallest file that says for which machine it is: an ELF header, and noise."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + _struct.pack("<HH", 3, machine) + bytes(44) + rng.bytes(9)


def _package(rng):
    code = _code(183, rng)
    vocab = rng.bytes(32).hex()
    length, mcpu = int(rng.integers(8, 500)), str(rng.choice(["cortex-a72", "cortex-a53", "neoverse-n1"]))
    manifest = {
        "sha256": _hashlib.sha256(code).hexdigest(), "length": length, "vocab_sha256": vocab,
        "target": {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": mcpu},
    }
    return code, manifest, {"machine": 183, "mcpu": mcpu, "length": length, "vocab_sha256": vocab}


def _spoil(name, code, manifest, box, rng):
    """The package with one thing wrong."""
    missing = rng.random() < 0.3
    key = {"bytes": "sha256", "length": "length", "vocab": "vocab_sha256"}.get(name)
    if key and missing:
        del manifest[key]
    elif name == "bytes":
        code += b"!"
    elif name == "machine":
        box["machine"] = 62
    elif name == "mcpu" and missing:
        del manifest["target"]
    elif name == "mcpu":
        manifest["target"]["mcpu"] = "neoverse-v1"
    else:
        box[key] = 7 if name == "length" else "0" * 64
    return code


def _found(code, manifest, box):
    found = problems(code, _copy.deepcopy(manifest), dict(box))
    assert isinstance(found, list), (
        f"problems must return a list, not a {type(found).__name__}; an empty one, if all is well."
    )
    assert all(isinstance(name, str) for name in found), f"The list holds names such as 'bytes'; you have {found}."
    return found


rng = numpy.random.default_rng()
_whole, _manifest_of_it, _box = _package(rng)
_list = _found(_whole, _manifest_of_it, _box)
assert _list == [], f"A good package has no problems, so the list is empty; you have {_list}."
_list = _found(_whole + b"!", _manifest_of_it, _box)
assert _list == ["bytes"], f"One byte more, and the SHA-256 is another: ['bytes'] is expected; you have {_list}."
_list = _found(_whole, _manifest_of_it, {**_box, "machine": 62})
assert _list == ["machine"], f"Code for an Arm on an x86 box has the problem ['machine']; you have {_list}."
_list = _found(_whole, _manifest_of_it, {**_box, "mcpu": "cortex-a57"})
assert _list == ["mcpu"], (
    f"Code for another processor of the same architecture has the problem ['mcpu']; you have {_list}."
)
### BEGIN HIDDEN TESTS
for _ in range(40):
    _whole, _manifest_of_it, _box = _package(rng)
    _wrong = [name for name in ("bytes", "length", "machine", "mcpu", "vocab") if rng.random() < 0.4]
    for _name in _wrong:
        _whole = _spoil(_name, _whole, _manifest_of_it, _box, rng)
    _list = _found(_whole, _manifest_of_it, _box)
    assert _list == _wrong, (
        f"For the manifest {_manifest_of_it} on the box {_box}"
        f"{', with changed bytes' if 'bytes' in _wrong else ''}, the problems are {_wrong}; you have {_list}."
    )
### END HIDDEN TESTS
print("Exercise 5: nothing wrong gets loaded.")

# %% [markdown]
# ### Run it on Arm
#
# Now the whole way, if your workshop has an Arm machine. TVM's **RPC** is a small server on that machine: your notebook sends it the library, and calls its functions from
# here as if they were here. `WORKSHOP_ARM_RPC` is its address. In class that is usually an *emulated* Cortex-A72: a real Arm program, with each instruction translated while it runs. Its answers are those of an Arm.
# **Its speed says nothing** about an Arm, so we print none.

# %% nbgrader={"grade": false, "grade_id": "run_on_arm", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
def link(path, files, options=None):
    """Object files for an Arm into a library, with Debian's binutils for that machine."""
    subprocess.run(["aarch64-linux-gnu-ld", "-shared", "-o", path, *files], check=True)


def library_for_arm(module, target):
    """A module of Relax as a library for the target: bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.so")
        tvm.compile(module, target=tvm.target.Target(target)).export_library(str(path), fcompile=link)
        return path.read_bytes()


def load_on(session, code, manifest, box):
    """Send a library to the other machine and load it there, unless something speaks against it."""
    found = problems(code, manifest, box)
    if found:
        raise ValueError(f"this package does not belong on this box: {', '.join(found)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.so")
        path.write_bytes(code)
        session.upload(str(path))
    return relax.VirtualMachine(session.load_module("model.so"), session.cpu(0))


def connect_to_arm():
    """A session on the workshop's Arm machine, or None when there is none."""
    address = os.environ.get("WORKSHOP_ARM_RPC")
    if not address:
        return None
    host, _, port = address.rpartition(":")
    return tvm.rpc.connect(host, int(port), key=os.environ.get("WORKSHOP_ARM_KEY", ""), session_timeout=100)


# %% tags=["slow"]
def answer_on_arm(session, net, request):
    """The scores of a request, from the network compiled with your schedule, on the other machine."""
    target = arm_target()
    module = optimise(to_relax(to_onnx(net, [(1, LENGTH), (1, LENGTH)])), lanes=4)  # a Cortex-A72's
    code = library_for_arm(module, target)
    manifest = make_manifest(code, target, LENGTH, vocab)
    box = {"machine": 183, "mcpu": "cortex-a72", "length": LENGTH, "vocab_sha256": manifest["vocab_sha256"]}
    machine = load_on(session, code, manifest, box)
    return machine["main"](*[tvm.runtime.tensor(array, session.cpu(0)) for array in request]).numpy()


session = connect_to_arm()
if session is None:
    print("There is no Arm machine here (WORKSHOP_ARM_RPC is not set). Everything else works without one.")
else:
    try:
        request = [tokens[:1], mask[:1]]
        y_hat = answer_on_arm(session, net, request)
        expected = net(*map(nd.array, request)).asnumpy()
        print(f"“{requests[0][1]}” on Arm: {INTENTS[y_hat.argmax()]}")
        print(f"MXNet here and TVM there differ by {np.abs(y_hat - expected).max():.1g}")
    except NotImplementedError:
        print("Exercises 3, 4 and 5 are needed for this: come back when they pass.")
session = None  # hangs up: others are waiting

# %% [markdown]
# ## 6. A latency that you can put your name to
#
# "It takes 8 milliseconds" is easily said. The first calls are slow: memory is touched for the first time, threads are started, caches are cold. And now and then a call is disturbed by
# something else, so that the mean says more about the neighbours than about the model. The usual remedy: drop some calls as **warm-up**, take the **median** of the rest,
# and name the worst, because somebody will meet it.
#
# ### Exercise 6: a latency report
#
# `seconds` are the times of all calls in their order. Drop the first `warm_up`; of the rest return a dictionary with `runs` (how many), `median_ms` and `worst_ms`, in milliseconds. The median of an even
# number of values is the mean of the two in the middle. With fewer than 10 runs left, raise a `ValueError`: that is no report.

# %% nbgrader={"grade": false, "grade_id": "latency_report", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def latency_report(seconds, warm_up):
    """{"runs": ..., "median_ms": ..., "worst_ms": ...} of the calls after the warm-up."""
    ### BEGIN SOLUTION
    runs = sorted(seconds[warm_up:])
    if len(runs) < 10:
        raise ValueError("fewer than 10 runs are no report")
    middle = len(runs) // 2
    median = (runs[middle] + runs[-middle - 1]) / 2
    return {"runs": len(runs), "median_ms": 1000 * median, "worst_ms": 1000 * runs[-1]}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_latency", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import numpy

assert "latency_report" in dir(), "Run the cell of exercise 6 first: there is no latency_report yet."


def _report(seconds, warm_up):
    report = latency_report(list(seconds), warm_up)
    assert isinstance(report, dict), (
        f"latency_report must return a dictionary, not a {type(report).__name__}; is there a `return`?"
    )
    assert set(report) == {"runs", "median_ms", "worst_ms"}, (
        f"The report has the keys runs, median_ms and worst_ms; yours has {sorted(map(str, report))}."
    )
    for name, number in report.items():
        assert isinstance(number, (int, float, numpy.number)) and number == number, (
            f"{name} must be a number; you have a {type(number).__name__}."
        )
    return {name: float(number) for name, number in report.items()}


_found = _report([9.0, 5.0] + [0.002] * 9 + [0.004], 2)
assert _found["runs"] == 10, f"Of 12 calls 2 are warm-up, so 10 runs are left; you have {_found['runs']:g}."
assert abs(_found["median_ms"] - 2) < 1e-6, (
    f"Nine runs of 2 milliseconds and one of 4 have the median 2; you have {_found['median_ms']:g}."
)
assert abs(_found["worst_ms"] - 4) < 1e-6, (
    f"The worst run after the warm-up took 4 milliseconds; you have {_found['worst_ms']:g}."
)
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(20):
    _warm_up = int(rng.integers(0, 6))
    _seconds = [*rng.uniform(5, 9, _warm_up), *rng.gamma(2, 0.01, int(rng.integers(10, 40)))]
    _seconds = [float(second) for second in _seconds]
    _right = {"runs": len(_seconds) - _warm_up, "median_ms": 1000 * float(numpy.median(_seconds[_warm_up:])),
              "worst_ms": 1000 * max(_seconds[_warm_up:])}
    _found = _report(_seconds, _warm_up)
    for _name in _right:
        assert abs(_found[_name] - _right[_name]) < 1e-6 * max(1, _right[_name]), (
            f"For {[round(s, 4) for s in _seconds]} and a warm-up of {_warm_up}, {_name} is {_right[_name]:g}; "
            f"you have {_found[_name]:g}."
        )
### END HIDDEN TESTS
print("Exercise 6: the report holds.")

# %% nbgrader={"grade": true, "grade_id": "check_latency_refuses", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import numpy

assert "latency_report" in dir(), "Run the cell of exercise 6 first: there is no latency_report yet."


def _refuses(seconds, warm_up):
    try:
        latency_report(list(seconds), warm_up)
    except ValueError:
        return True
    except NotImplementedError:
        raise AssertionError("Exercise 6 is still open: write latency_report first.") from None
    return False


assert _refuses([0.002] * 11, 2), "Eleven calls less two of warm-up are nine runs: raise a ValueError."
assert not _refuses([0.002] * 12, 2), "Twelve calls less two of warm-up are ten runs, and that is enough."
### BEGIN HIDDEN TESTS
rng = numpy.random.default_rng()
for _ in range(20):
    _warm_up, _runs = int(rng.integers(0, 8)), int(rng.integers(5, 15))
    assert _refuses([0.01] * (_warm_up + _runs), _warm_up) is (_runs < 10), (
        f"{_runs} runs after the warm-up {'are' if _runs < 10 else 'are not'} too few for a report."
    )
### END HIDDEN TESTS
print("Exercise 6: too few runs are refused.")

# %% tags=["picture", "slow"]
try:
    model = to_onnx(net, [(1, LENGTH), (1, LENGTH)])
    machine = relax.VirtualMachine(
        tvm.compile(optimise(to_relax(model), LANES), target=tvm.target.Target(HOST)), tvm.cpu())
    inputs = [tvm.runtime.tensor(tokens[:1]), tvm.runtime.tensor(mask[:1])]
    seconds = []
    for _ in range(200):
        started = time.perf_counter()
        machine["main"](*inputs)
        seconds.append(time.perf_counter() - started)
    report = latency_report(seconds, warm_up=20)
    fig, ax = plt.subplots(figsize=(8, 3))
    ax.plot(1000 * np.array(seconds), ".", color=GREY)
    ax.axvspan(0, 20, color=ORANGE, alpha=0.2, lw=0)
    ax.axhline(report["median_ms"], color=BLUE)
    ax.text(204, report["median_ms"], f"median {report['median_ms']:.2f} ms", color=BLUE, va="bottom")
    ax.set_xlim(-5, 250)
    ax.set_yscale("log")
    ax.set_xlabel("call (orange: warm-up)")
    ax.set_ylabel("milliseconds")
    ax.set_title("Our encoder on this machine, call by call")
    plt.show()
except NotImplementedError:
    print("Exercises 4 and 6 are needed for this picture: come back when they pass.")

# %% [markdown]
# ## Going further
#
# No points here.
#
# - Change `tile_size`: 4 rows by 4 registers, 12 by 2. When do the sums no longer fit into the registers, and what does that cost?
# - Compile the encoder for `neoverse-v1` and look inside: where does SVE appear, and which loops have none?
# - Swap two loops in `tile_matmul` so that `k` stands outside of everything. The result stays the same; why does the time not?
# - Break a package on purpose: compile for x86, write a manifest that says Arm, and see which check finds it.
# - `relax.transform.FuseOps` put bias and product together. Print `optimise(to_relax(model), LANES).script()` and find them.

# %%
# Your own experiments.
