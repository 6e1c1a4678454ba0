"""The lines of nbgrader_config.py that make nbgrader use this exchange. Imports nothing of it."""

from __future__ import annotations

_PACKAGE = "hub_config.exchange.plugins"

# nbgrader's name for each part of an exchange, and our class for it.
PLUGINS = {
    "exchange": f"{_PACKAGE}.Exchange",
    "list": f"{_PACKAGE}.ExchangeList",
    "fetch_assignment": f"{_PACKAGE}.ExchangeFetchAssignment",
    "fetch_feedback": f"{_PACKAGE}.ExchangeFetchFeedback",
    "submit": f"{_PACKAGE}.ExchangeSubmit",
    "release_assignment": f"{_PACKAGE}.ExchangeReleaseAssignment",
    "release_feedback": f"{_PACKAGE}.ExchangeReleaseFeedback",
    "collect": f"{_PACKAGE}.ExchangeCollect",
}

#: What tells a grader of submissions as they arrive: none of nbgrader's parts, so not among them.
ARRIVALS = f"{_PACKAGE}.ExchangeArrivals"


def nbgrader_lines(course: str) -> str:
    """The same lines for seats and for the grader."""
    plugins = [f"c.ExchangeFactory.{part} = {name!r}" for part, name in PLUGINS.items()]
    return "\n".join([f"c.CourseDirectory.course_id = {course!r}", *plugins]) + "\n"
