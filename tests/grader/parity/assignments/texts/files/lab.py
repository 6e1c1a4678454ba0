# %% [markdown]
# # Files: the data of the assignment, unittest's own assertions

# %% nbgrader={"grade_id": "setup", "locked": true}
from pathlib import Path

poem = Path("poem.txt")

# %% nbgrader={"grade_id": "lines", "solution": true}
def lines(path):
    ### BEGIN SOLUTION
    with open(path) as file:
        return [line.strip() for line in file if line.strip()]
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_lines", "grade": true, "points": 2}
import unittest

check = unittest.TestCase()
check.assertEqual(lines(poem), lines("poem.txt"))
check.assertListEqual(lines("poem.txt"), ["roses are red", "violets are blue"])
check.assertRaises(FileNotFoundError, lines, "nowhere.txt")

# %% nbgrader={"grade_id": "save", "solution": true}
def save(path, rows):
    ### BEGIN SOLUTION
    with open(path, "w") as file:
        file.writelines(",".join(map(str, row)) + "\n" for row in rows)
    ### END SOLUTION

# %% nbgrader={"grade_id": "check_save", "grade": true, "points": 1}
import csv

save("rows.csv", [[1, 2], [3, 4]])
with open("rows.csv") as written:
    assert list(csv.reader(written)) == [["1", "2"], ["3", "4"]]

# %% nbgrader={"grade_id": "longest", "solution": true}
### BEGIN SOLUTION
longest = max(lines(poem), key=len)
### END SOLUTION

# %% nbgrader={"grade_id": "check_longest", "grade": true, "points": 1}
assert longest == "violets are blue"
