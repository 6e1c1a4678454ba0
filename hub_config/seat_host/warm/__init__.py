"""What runs inside a warm process and its children. Python's own library only: a kernel's
environment has nothing else of ours."""
