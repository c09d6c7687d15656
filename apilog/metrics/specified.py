"""What metrics of how calls keep to specifications mean.

They are there only where a specification is, and are made of it in `apilog/own_metrics/`.
"""

from __future__ import annotations

from collections.abc import Mapping

SPECIFIED_METRICS: Mapping[str, str] = {
    "undocumented_requests": "Requests that are of no operation of a specification, but for those "
    "answered 404; with --openapi.",
    "undocumented_routes": "Distinct methods and routes of these requests; with --openapi.",
    "deprecated_requests": "Requests of operations that a specification calls deprecated; with "
    "--openapi.",
    "unused_operations": "Operations of the specifications without any request; with --openapi.",
    "undeclared_statuses": "Distinct pairs of an operation and a status that it was answered with "
    "and does not declare; with --openapi.",
}
"""Each of them, in the order in which they are listed; all are counts, the fewer the better."""
