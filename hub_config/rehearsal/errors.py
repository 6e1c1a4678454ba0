"""A robot that can't go on says why, in the words of the step it was in."""

from __future__ import annotations


class RobotStuck(Exception):
    """What the robot was doing and what it was told."""
