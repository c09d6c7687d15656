"""The Dask engine: the same work on the workers of a cluster, with the same results.

A run is cut into tasks, each of which reads a stretch of a plain file, some whole files or some
files of a store, and makes one state of them. States are merged by a tree of further tasks, so
that nothing but the last one comes to the client. Needs the extra `dask`.
"""

from __future__ import annotations
