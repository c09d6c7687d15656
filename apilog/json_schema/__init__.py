"""JSON Schemas of the documents that commands print, made of what they are printed from.

Types come from the tables themselves, meanings and units from the catalogues of columns and
metrics. They are of the draft 2020-12: https://json-schema.org/draft/2020-12. A key that is not
described may come with a later version; one that is described keeps its meaning while
`schema_version` stays.
"""

from __future__ import annotations

DOCUMENTS = (
    *("report", "check", "alerts", "compare", "query", "success", "export", "detect", "watch"),
    *("routes", "store-info", "formats", "schema", "metrics", "config", "baseline", "notice"),
)
"""The documents that there is a schema of: of commands, and of a file and a message."""


def document_schema(name: str) -> dict[str, object]:
    """Return the schema of a document, one of `DOCUMENTS`."""
    # Imported when it is asked for: listing the documents costs nothing.
    from apilog.json_schema.documents import make_schema

    return make_schema(name)
