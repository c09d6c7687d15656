"""Connections to buckets, with the credentials and endpoints that the environment gives.

Credentials never stand in a URL, an error or a file of apilog.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from apilog.errors import InputError
from apilog.storage.cloud.library import library
from apilog.storage.cloud.refusals import told
from apilog.storage.errors import StorageError

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

    Connection = S3Store | GCSStore | AzureStore

ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Variables of the environment that name another server than the cloud's own."""

_SERVER = re.compile(r"https?://[A-Za-z0-9\[][!-~]*", re.IGNORECASE)

# A range of 8 MiB over a slow line; that a bucket isn't there is said at once.
_CLIENT = {"timeout": "180s", "connect_timeout": "10s"}
_RETRIES = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}


@lru_cache(maxsize=64)
def connection(scheme: str, bucket: str) -> Connection:
    """The client of a bucket; nothing is sent yet.

    Raises InputError where the package is missing or the endpoint is none, StorageError where
    credentials are missing.
    """
    store = library().store
    client: dict[str, Any] = _CLIENT | {"allow_http": is_plain_http(scheme)}
    options: dict[str, Any] = {"client_options": client, "retry_config": _RETRIES}
    with told(f"{scheme}://{bucket}", bucket):
        match scheme:
            case "s3":
                made = store.S3Store(bucket, **options, **_aws())
            case "gs":
                made = store.GCSStore(bucket, **options)
            case _:
                made = store.AzureStore(bucket, **options)
    return cast("Connection", made)


def scan_options(scheme: str) -> dict[str, str]:
    """What Polars doesn't find out by itself."""
    options = {}
    if scheme == "s3" and _is_unsigned():
        options["aws_skip_signature"] = "true"
    if (endpoint := endpoint_of(scheme)) and scheme == "s3":
        options["aws_endpoint_url"] = endpoint
    if is_plain_http(scheme):
        options["allow_http"] = "true"
    return options


def endpoint_of(scheme: str) -> str | None:
    """The server that the environment names instead of the cloud's own; InputError for no URL."""
    for name in ENDPOINTS[scheme]:
        if url := os.environ.get(name):
            if not _SERVER.fullmatch(url):
                raise InputError(
                    f"{name} is no URL of a server", "such as https://minio.example:9000"
                )
            return url
    return None


def is_plain_http(scheme: str) -> bool:
    """Whether requests go unencrypted: only where an endpoint or emulator says so."""
    if scheme == "az" and os.environ.get("AZURE_STORAGE_USE_EMULATOR", "").lower() == "true":
        return True
    return (endpoint_of(scheme) or "").lower().startswith("http://")


def _is_unsigned() -> bool:
    return os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("true", "1")


def _aws() -> dict[str, Any]:
    """Where the credentials come from, if not from variables that obstore reads itself.

    boto3 knows profiles, single sign-on, assumed roles and instance metadata; without it obstore
    finds web identities and the metadata of containers and instances.
    """
    has_keys = "AWS_ACCESS_KEY_ID" in os.environ and "AWS_PROFILE" not in os.environ
    if has_keys or _is_unsigned():
        return {}
    try:
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return {}
    try:
        return {"credential_provider": Boto3CredentialProvider()}
    except BotoCoreError as error:
        raise StorageError(f"no credentials: {error}", _CREDENTIALS) from error
    except ValueError as error:
        raise StorageError("no credentials found", _CREDENTIALS) from error


_CREDENTIALS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; AWS_SKIP_SIGNATURE=true "
    "reads public buckets"
)
