# ---
# jupyter:
#   kernelspec:
#     display_name: NLP (MXNet, CPU)
#     language: python
#     name: nlp-cpu
# ---

# %% [markdown]
# # Sums
# A lab that needs no time: three gaps, three checks.

# %% [markdown]
# ## Exercise 1: add

# %% nbgrader={"grade": false, "grade_id": "add", "locked": false, "solution": true}
def add(x, y):
    """The sum of two numbers."""
    ### BEGIN SOLUTION
    return x + y
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-add", "locked": true, "points": 1, "solution": false}
assert add(1, 2) == 3, "add(1, 2) is 3: return the sum"
### BEGIN HIDDEN TESTS
import random
left, right = random.random(), random.random()
assert abs(add(left, right) - (left + right)) < 1e-12, "add must work for any two numbers"
### END HIDDEN TESTS

# %% [markdown]
# ## Exercise 2: double

# %% nbgrader={"grade": false, "grade_id": "double", "locked": false, "solution": true}
def double(x):
    """Twice a number."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-double", "locked": true, "points": 2, "solution": false}
assert double(4) == 8, "double(4) is 8"
### BEGIN HIDDEN TESTS
assert double(-3.5) == -7.0, "double must work for negative numbers"
### END HIDDEN TESTS

# %% [markdown]
# ## Exercise 3: total

# %% nbgrader={"grade": false, "grade_id": "total", "locked": false, "solution": true}
def total(numbers):
    """The sum of a list; zero for an empty one."""
    ### BEGIN SOLUTION
    return sum(numbers)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check-total", "locked": true, "points": 3, "solution": false}
assert total([1, 2, 3]) == 6, "total([1, 2, 3]) is 6"
### BEGIN HIDDEN TESTS
assert total([]) == 0, "the sum of nothing is zero"
### END HIDDEN TESTS
