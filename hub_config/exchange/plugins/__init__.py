"""nbgrader's exchange over HTTP: the classes to set in `c.ExchangeFactory`."""

from __future__ import annotations

from hub_config.exchange.plugins.arrivals import ExchangeArrivals
from hub_config.exchange.plugins.base import Exchange
from hub_config.exchange.plugins.collect import ExchangeCollect
from hub_config.exchange.plugins.fetch_assignment import ExchangeFetchAssignment
from hub_config.exchange.plugins.fetch_feedback import ExchangeFetchFeedback
from hub_config.exchange.plugins.list import ExchangeList
from hub_config.exchange.plugins.release_assignment import ExchangeReleaseAssignment
from hub_config.exchange.plugins.release_feedback import ExchangeReleaseFeedback
from hub_config.exchange.plugins.submit import ExchangeSubmit

__all__ = [
    "Exchange",
    "ExchangeArrivals",
    "ExchangeCollect",
    "ExchangeFetchAssignment",
    "ExchangeFetchFeedback",
    "ExchangeList",
    "ExchangeReleaseAssignment",
    "ExchangeReleaseFeedback",
    "ExchangeSubmit",
]
