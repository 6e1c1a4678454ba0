# %% [markdown]
# # Words: dictionaries, printed answers

# %% nbgrader={"grade_id": "count_words", "solution": true}
def count_words(text):
    ### BEGIN SOLUTION
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_count_words", "grade": true, "points": 2}
import collections

def expected_counts(text):
    return dict(collections.Counter(text.lower().split()))

for sentence in ("a b a", "One one ONE", "to be or not to be"):
    assert count_words(sentence) == expected_counts(sentence), sentence
assert sorted(count_words("x y").keys()) == ["x", "y"]
assert "z" not in count_words("x y")

# %% nbgrader={"grade_id": "greet", "solution": true}
def greet(name):
    ### BEGIN SOLUTION
    print(f"Hello, {name}!")
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_greet", "grade": true, "points": 1}
import io
from contextlib import redirect_stdout

printed = io.StringIO()
with redirect_stdout(printed):
    greet("Ada")
assert printed.getvalue().strip() == "Hello, Ada!"

# %% nbgrader={"grade_id": "check_greet_patched", "grade": true, "points": 1}
from unittest.mock import patch

with patch("sys.stdout", new_callable=io.StringIO) as fake:
    greet("Grace")
    assert "Grace" in fake.getvalue()

# %% nbgrader={"grade_id": "vowels", "solution": true}
### BEGIN SOLUTION
vowels = set("aeiou")
### END SOLUTION

# %% nbgrader={"grade_id": "check_vowels", "grade": true, "points": 1}
assert isinstance(vowels, set), "vowels must be a set"
assert len(vowels) == 5
assert all(letter in vowels for letter in "aeiou")

# %% [markdown] nbgrader={"grade_id": "explain", "grade": true, "solution": true, "points": 3}
# A set, because the order of vowels says nothing.
