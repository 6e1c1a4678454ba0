"""Robots that do what people do, to see a class happen before it happens."""
