# %% [markdown]
# # Numbers: asserts, hidden tests, partial credit, answers for a person

# %% nbgrader={"grade_id": "helpers", "locked": true}
def is_close(one, two, tolerance=1e-9):
    return abs(one - two) <= tolerance

# %%
readings = [3, 1, 2]

# %% nbgrader={"grade_id": "mean", "solution": true}
def mean(values):
    """The mean of some numbers."""
    ### BEGIN SOLUTION
    return sum(values) / len(values)
    ### END SOLUTION

# %%
mean([1, 2, 3])

# %% nbgrader={"grade_id": "check_mean", "grade": true, "points": 2}
"""Check that mean is the mean."""
assert mean([1, 2, 3]) == 2, "the mean of 1, 2 and 3 is 2"
assert is_close(mean([0.1, 0.2]), 0.15)
assert is_close(mean(readings), 2)
### BEGIN HIDDEN TESTS
for numbers in ([5], [-1, 1], list(range(100))):
    assert is_close(mean(numbers), sum(numbers) / len(numbers)), numbers
### END HIDDEN TESTS

# %% nbgrader={"grade_id": "fizz", "solution": true}
def fizz(number):
    ### BEGIN SOLUTION
    return "fizz" if number % 3 == 0 else number
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_fizz", "grade": true, "points": 1}
for number in range(1, 20):
    expected = "fizz" if number in (3, 6, 9, 12, 15, 18) else number
    assert fizz(number) == expected, f"fizz({number}) is wrong"

# %% nbgrader={"grade_id": "largest", "solution": true}
def largest(values):
    ### BEGIN SOLUTION
    return max(values) if values else None
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_largest", "grade": true, "points": 3}
# Partial credit: the last value is the points.
points = 0
points += largest([1, 5, 2]) == 5
points += largest([-4, -9]) == -4
points += largest([]) is None
points

# %% nbgrader={"grade_id": "check_largest_half", "grade": true, "points": 1}
0.5 * (largest([7]) == 7) + 0.5 * (largest([2, 8]) == 8)

# %% nbgrader={"grade_id": "root", "solution": true}
def root(number):
    ### BEGIN SOLUTION
    if number < 0:
        raise ValueError("no root of a negative number")
    return number ** 0.5
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_root", "grade": true, "points": 1}
assert root(9) == 3.0

# %% nbgrader={"grade_id": "check_root_raises", "grade": true, "points": 1}
try:
    root(-1)
except ValueError:
    pass
else:
    raise AssertionError("did not raise")

# %% nbgrader={"grade_id": "turn", "solution": true}
### BEGIN SOLUTION
import math

full_turn = 2 * math.pi
### END SOLUTION

# %% nbgrader={"grade_id": "check_turn", "grade": true, "points": 1}
assert is_close(full_turn, 2 * math.pi, 1e-6)

# %% nbgrader={"grade_id": "is_even", "solution": true}
def is_even(number):
    ### BEGIN SOLUTION
    return number % 2 == 0
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_even", "grade": true, "points": 1}
1 - sum(is_even(number) != (number in (0, 2)) for number in range(4))

# %% [markdown] nbgrader={"grade_id": "why", "grade": true, "solution": true, "points": 2}
# Because the sum grows with every number.

# %% nbgrader={"grade_id": "own_example", "grade": true, "solution": true, "points": 2}
mean([len(word) for word in "an example of my own".split()])

# %% [markdown] nbgrader={"grade_id": "plot", "task": true, "locked": true, "points": 2}
# Draw something with your functions, in cells below.
