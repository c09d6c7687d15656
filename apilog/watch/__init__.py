"""Growing logs as they are now: followed, counted in a rolling window, shown, and alerted on.

A line is read once, however its file is rotated; memory is bounded by the windows.
"""
