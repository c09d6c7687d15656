"""Object storage: Amazon S3 and what is like it, Google Cloud Storage, Azure Blob Storage.

No other package opens a network connection. It needs the package obstore, an extra that is imported
when a URL is first used.
"""

from __future__ import annotations
