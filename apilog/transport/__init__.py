"""Transport: deliveries undone, so that every event of a log is one line of its gateway's own text.

Gateways, log drivers and collectors deliver lines wrapped, cut, glued and encoded. Two steps undo
that: *framing* works on the bytes of a stream, before it is cut into lines, and *envelopes* take
the text out of each line of a chunk. No module here knows what a request is.
"""

from __future__ import annotations
