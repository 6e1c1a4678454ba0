"""From lab sources to releases, from submissions to grades, feedback and the report."""
