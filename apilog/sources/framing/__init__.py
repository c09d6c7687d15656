"""Framing: every stream as lines, one event a line.

Gateways and their tools deliver JSON pretty-printed, without any newline, in arrays and in
wrapping objects. Told by its head, such a stream is rewritten; everything else, with one JSON
object a line, passes through as it is. What comes out and in which order:

- objects, however laid out, separated by nothing, blanks or commas: one a line, on one line;
- the objects of arrays and of containers (see `containers`), without the wrapper;
- the rows of tables (see `tables`) as objects;
- `TIME {…}` and a line that is only a time, perhaps with a stream's name, before an object:
  time and object on one line, as other log tools write it;
- other lines and texts between objects: lines of their own;
- an object that is broken: a line of its own, up to where the next valid object starts;
- lines of base64 over gzip or JSON, wrapped or not, and records of Kinesis, Firehose and
  subscriptions that hold it: what they hold, framed in turn;
- events of CloudWatch Logs over several lines: one a line.
"""

from __future__ import annotations

from apilog.sources.framing.stream import framed

__all__ = ["framed"]
