"""What one seat may use of a host, and how this host holds it to that.

The hub imports this, so there is nothing here but Python's own library.
"""

from provisioning.limits.cells import Cell, LimitBackend, SeatLimits, Usage
from provisioning.limits.choose import choose_limits, remove_all

__all__ = ["Cell", "LimitBackend", "SeatLimits", "Usage", "choose_limits", "remove_all"]
