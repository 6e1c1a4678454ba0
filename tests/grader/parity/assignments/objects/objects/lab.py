# %% [markdown]
# # Objects: classes, generators, closures, functions of functions

# %% nbgrader={"grade_id": "stack", "solution": true}
class Stack:
    """Last in, first out."""

    ### BEGIN SOLUTION
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        if not self.items:
            raise IndexError("empty")
        return self.items.pop()
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_stack", "grade": true, "points": 2}
stack = Stack()
stack.push(1)
stack.push("two")
assert stack.items == [1, "two"]
assert stack.pop() == "two"
assert stack.pop() == 1
assert not stack.items

# %% nbgrader={"grade_id": "check_stack_empty", "grade": true, "points": 1}
def raises(error, function, *args):
    try:
        function(*args)
    except error:
        return True
    return False

assert raises(IndexError, Stack().pop), "an empty stack must raise an IndexError"

# %% nbgrader={"grade_id": "countdown", "solution": true}
def countdown(start):
    ### BEGIN SOLUTION
    while start > 0:
        yield start
        start -= 1
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_countdown", "grade": true, "points": 1}
assert list(countdown(3)) == [3, 2, 1]
assert sum(countdown(4)) == 10
numbers = countdown(2)
assert next(numbers) == 2 and next(numbers) == 1
assert [n * 2 for n in countdown(2)] == [4, 2]

# %% nbgrader={"grade_id": "make_counter", "solution": true}
def make_counter(step=1):
    ### BEGIN SOLUTION
    total = 0

    def count():
        nonlocal total
        total += step
        return total

    return count
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_make_counter", "grade": true, "points": 1}
one, ten = make_counter(), make_counter(step=10)
assert callable(one)
assert [one(), one(), ten(), one(), ten()] == [1, 2, 10, 3, 20]

# %% nbgrader={"grade_id": "compose", "solution": true}
def compose(*functions):
    ### BEGIN SOLUTION
    def composed(value):
        for function in functions:
            value = function(value)
        return value

    return composed
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_compose", "grade": true, "points": 2}
double = lambda x: 2 * x
assert compose(double, double, str)(3) == "12"
assert compose(sorted, tuple)([2, 1]) == (1, 2)
assert compose()(5) == 5

# %% nbgrader={"grade_id": "totals", "solution": true}
### BEGIN SOLUTION
totals = {}

def add(name, amount=1, **notes):
    totals[name] = totals.get(name, 0) + amount
    return totals[name]
### END SOLUTION

# %% nbgrader={"grade_id": "check_totals", "grade": true, "points": 1}
before = dict(totals)
assert add("tea") == before.get("tea", 0) + 1
add("tea", amount=4, why="thirst")
assert totals["tea"] == before.get("tea", 0) + 5
assert type(totals) is dict

# %% nbgrader={"grade_id": "swap", "solution": true}
def swap(pair):
    ### BEGIN SOLUTION
    first, second = pair
    return second, first
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_swap", "grade": true, "points": 1}
left, right = swap((1, 2))
assert (left, right) == (2, 1)
assert isinstance(swap("ab"), tuple)
a = b = None
a, b = swap([a, 3])
assert a == 3 and b is None

# %% nbgrader={"grade_id": "later", "solution": true}
### BEGIN SOLUTION
from datetime import timedelta

def later(day, days):
    return day + timedelta(days=days)
### END SOLUTION

# %% nbgrader={"grade_id": "check_later", "grade": true, "points": 1}
from datetime import date, datetime

assert later(date(2024, 2, 28), 2) == date(2024, 3, 1)
assert later(datetime(2024, 1, 1, 8), 1).hour == 8
