"""Object storage: Amazon S3 and what is like it, Google Cloud Storage, Azure Blob Storage.

The only place that opens a network connection. The package for it is an extra, imported when a
URL is first used.
"""

from __future__ import annotations
