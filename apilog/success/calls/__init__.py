"""What the calls tell of each account, computed chunk by chunk and merged.

Everything that is kept is bounded by the number of accounts and by time, not by that of calls,
and is the same whatever the order of the chunks.
"""

from __future__ import annotations

from apilog.success.calls.merge import Folded, merge
from apilog.success.calls.partial import partial
from apilog.success.calls.state import CallPlan, Calls

__all__ = ["CallPlan", "Calls", "Folded", "merge", "partial"]
