# %% [markdown]
# # Arrays: numpy.testing, assert_raises, seeds

# %%
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal, assert_raises

# %% nbgrader={"grade_id": "normalise", "solution": true}
def normalise(rows):
    ### BEGIN SOLUTION
    return rows / rows.sum(axis=1, keepdims=True)
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_normalise", "grade": true, "points": 2}
table = np.array([[1.0, 3.0], [2.0, 2.0]])
assert_allclose(normalise(table), [[0.25, 0.75], [0.5, 0.5]])
assert_array_equal(table, [[1, 3], [2, 2]], err_msg="your function changes its argument")

# %% nbgrader={"grade_id": "check_normalise_shape", "grade": true, "points": 1}
result = normalise(np.ones((3, 4), dtype=np.float32))
assert isinstance(result, np.ndarray)
assert result.shape == (3, 4), result.shape
assert result.dtype.kind == "f"
assert np.all(result > 0) and not np.isnan(result).any()

# %% nbgrader={"grade_id": "one_hot", "solution": true}
def one_hot(labels, classes):
    ### BEGIN SOLUTION
    if max(labels) >= classes:
        raise ValueError("a label is too large")
    return np.eye(classes, dtype=int)[labels]
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_one_hot", "grade": true, "points": 1}
assert_array_equal(one_hot([0, 2], 3), [[1, 0, 0], [0, 0, 1]])
assert len(one_hot([1, 1, 1], 2)) == 3
for row in one_hot([3, 0, 1], 4):
    assert sum(row) == 1

# %% nbgrader={"grade_id": "check_one_hot_raises", "grade": true, "points": 1}
assert_raises(ValueError, one_hot, [5], 3)
with np.testing.assert_raises_regex(ValueError, "too"):
    one_hot([3], 3)

# %% nbgrader={"grade_id": "matrix", "solution": true}
### BEGIN SOLUTION
matrix = np.arange(12).reshape(3, 4)
### END SOLUTION

# %% nbgrader={"grade_id": "check_matrix", "grade": true, "points": 1}
assert type(matrix) == np.ndarray
assert matrix.shape == (3, 4)
assert matrix[1, 2] == 6 and matrix.sum() == 66
assert (matrix.T @ np.ones(3)).tolist() == [12, 15, 18, 21]

# %% nbgrader={"grade_id": "sample", "solution": true}
def sample(count):
    ### BEGIN SOLUTION
    return np.random.rand(count)
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_sample", "grade": true, "points": 1}
np.random.seed(7)
wanted = np.random.rand(3)
np.random.seed(7)
assert_allclose(sample(3), wanted)

# %% nbgrader={"grade_id": "check_sample_share", "grade": true, "points": 2}
# Partial credit from numpy's own numbers.
shares = np.array([len(sample(count)) == count for count in (1, 2, 5, 9)])
shares.mean() * 2
