"""A request as Rails' own log tells of it: one sample of several lines."""

from __future__ import annotations

_TAG = "[6a9b1c2d-0000-4000-8000-0123456789ab]"
RAILS = (
    "\n".join(
        (
            f'{_TAG} Started GET "/v1/users/42?a=b" for 203.0.113.7 at 2026-11-21 10:00:00 +0000',
            f"{_TAG} Processing by UsersController#show as JSON",
            f'{_TAG}   Parameters: {{"id"=>"42"}}',
            f"{_TAG} Completed 200 OK in 51ms (Views: 0.4ms)",
        )
    ),
)
