# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: nlp-cpu
#     language: python
#     name: nlp-cpu
# ---

# %% [markdown]
# # A new lab
#
# Begin with a problem that a person has. Here: which words of a text matter? This lab is a template: it is small, it is whole, and `workshop course prove` finds nothing wrong with it. Replace it piece by piece and prove it again after each piece.
#
# | | you write | points |
# |---|---|---|
# | 1 | an average | 2 |
# | 2 | counting words | 2 |
# | 3 | the most frequent words | 2 |
#
# **How to work.** Replace `raise NotImplementedError()` with your lines, run the cell, then run the check below it. A check that fails says in one sentence what to think about. After you submit, the same checks run again with more, fresh inputs. The exercises do not depend on each other.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import matplotlib.pyplot as plt

text = "the cat sat on the mat and the dog sat on the cat"

# %% [markdown]
# ## 1. One number for many
#
# ### Exercise 1: an average
#
# Return the average of a list of numbers. By our rule the average of no numbers is 0.


# %% nbgrader={"grade": false, "grade_id": "average", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def average(values):
    """The arithmetic mean as a float. values: list of numbers, maybe empty."""
    ### BEGIN SOLUTION
    if not values:
        return 0.0
    return sum(values) / len(values)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_average", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import math
import random

assert "average" in dir(), "Run the cell of exercise 1 first: there is no average yet."


def _average(values):
    found = average(list(values))
    assert isinstance(found, (int, float)) and not isinstance(found, bool), (
        f"average must return a number, not {type(found).__name__}; is there a `return`?"
    )
    assert math.isfinite(found), f"The average of {values} is a finite number; you have {found}."
    return found


assert abs(_average([1, 2, 3, 6]) - 3) < 1e-9, (
    f"The average of 1, 2, 3 and 6 is 12 / 4 = 3; you have {_average([1, 2, 3, 6])}."
)
assert _average([]) == 0, f"By our rule the average of no numbers is 0; you have {_average([])}."
### BEGIN HIDDEN TESTS
for _ in range(20):
    _values = [random.uniform(-9, 9) for _ in range(random.randint(1, 8))]
    _expected = math.fsum(_values) / len(_values)
    assert abs(_average(_values) - _expected) < 1e-9, (
        f"The average of {_values} is {_expected}; you have {_average(_values)}."
    )
### END HIDDEN TESTS
print("Exercise 1: the averages agree.")

# %% [markdown]
# ## 2. How often is each word there?
#
# ### Exercise 2: counting words
#
# Return a dictionary: word to how often it occurs. Words are separated by spaces; capitals count as small letters.


# %% nbgrader={"grade": false, "grade_id": "count_words", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def count_words(text):
    """Counts of the words of a text, as a dict of str to int. text: str."""
    counts = {}
    ### BEGIN SOLUTION
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    ### END SOLUTION
    return counts


# %% nbgrader={"grade": true, "grade_id": "check_count_words", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import random

assert "count_words" in dir(), "Run the cell of exercise 2 first: there is no count_words yet."


def _counts(text):
    found = count_words(text)
    assert isinstance(found, dict), (
        f"count_words must return a dictionary, not {type(found).__name__}; is there a `return`?"
    )
    return found


assert _counts("a rose is a rose") == {"a": 2, "rose": 2, "is": 1}, (
    f"In 'a rose is a rose' a and rose are there twice; you have {_counts('a rose is a rose')}."
)
assert _counts("The the") == {"the": 2}, (
    f"'The' and 'the' are the same word, so use small letters; you have {_counts('The the')}."
)
### BEGIN HIDDEN TESTS
for _ in range(20):
    _words = [random.choice(["Ab", "ab", "bc", "Cd", "de"]) for _ in range(random.randint(0, 9))]
    _expected = {}
    for _word in map(str.lower, _words):
        _expected[_word] = _expected.get(_word, 0) + 1
    _found = _counts("  ".join(_words))
    assert _found == _expected, f"The words {_words} give {_expected}; you have {_found}."
### END HIDDEN TESTS
print("Exercise 2: the counts agree.")

# %% tags=["picture"]
try:
    counts = count_words(text)
    fig, ax = plt.subplots(figsize=(6, 2.6))
    ax.barh(list(counts), list(counts.values()), color="#3b6ea8")
    ax.set_xlabel("how often")
    plt.show()
except NotImplementedError:
    print("Exercise 2 is still open: come back to this picture when it passes.")

# %% [markdown]
# ## 3. Which words come first?
#
# ### Exercise 3: the most frequent words
#
# Return the `k` most frequent words, the most frequent first; of equally frequent words, the one that is first in the alphabet.


# %% nbgrader={"grade": false, "grade_id": "most_frequent", "locked": false, "schema_version": 3, "solution": true, "task": false, "cell_type": "code"}
def most_frequent(counts, k):
    """The k most frequent words as a list of str. counts: dict of str to int."""
    ### BEGIN SOLUTION
    ranking = sorted(counts, key=lambda word: (-counts[word], word))
    return ranking[:k]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_most_frequent", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false, "cell_type": "code"}
import random

assert "most_frequent" in dir(), "Run the cell of exercise 3 first: there is no most_frequent yet."


def _top(counts, k):
    found = most_frequent(dict(counts), k)
    assert isinstance(found, list), (
        f"most_frequent must return a list, not {type(found).__name__}; is there a `return`?"
    )
    return found


assert _top({"a": 1, "b": 3, "c": 2}, 2) == ["b", "c"], (
    "With a: 1, b: 3, c: 2 the two most frequent words are b and c; you have "
    f"{_top({'a': 1, 'b': 3, 'c': 2}, 2)}."
)
assert _top({"b": 1, "a": 1}, 1) == ["a"], (
    f"Of equally frequent words the alphabet decides; you have {_top({'b': 1, 'a': 1}, 1)}."
)
### BEGIN HIDDEN TESTS
for _ in range(20):
    _words = random.sample("abcdefgh", random.randint(2, 8))
    _table = {word: random.randint(1, 3) for word in _words}
    _k = random.randint(1, len(_words))
    _expected = []
    for _count in (3, 2, 1):
        _expected += sorted(word for word in _words if _table[word] == _count)
    _found = _top(_table, _k)
    assert _found == _expected[:_k], (
        f"The {_k} most frequent of {_table} are {_expected[:_k]}; you have {_found}."
    )
### END HIDDEN TESTS
print("Exercise 3: the rankings agree.")

# %% [markdown]
# ## Going further
#
# No points here. What happens to the ranking if you leave out *the*, *and*, *on*?

# %%
# Your own experiments.
