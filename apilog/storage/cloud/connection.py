"""Connections to buckets, with the credentials and endpoints that the environment gives.

The refusal of a server becomes an OSError with a hint. Credentials never stand in a URL, an error
or a file of apilog.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from threading import current_thread, main_thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from apilog.errors import InputError, install_hint
from apilog.storage.folder import StorageError

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

    Connection = S3Store | GCSStore | AzureStore

T = TypeVar("T")

ENDPOINT_VARIABLES = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""The environment variables that name another server than the cloud's own, by scheme."""

_SERVER_URL = re.compile(r"https?://[A-Za-z0-9\[][!-~]*", re.IGNORECASE)

# Long enough for a range of 8 MiB over a slow line.
_CLIENT_OPTIONS = {"timeout": "180s", "connect_timeout": "10s"}
_RETRY_OPTIONS = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}

_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound|The specified bucket does not exist")
_ANSWER = re.compile(r"<Code>(?P<code>\w+)</Code>\s*(?:<Message>(?P<message>[^<]*)</Message>)?")
_ELSEWHERE = re.compile("PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint")
_DENIED = re.compile(r"status code: 40[13]\b")
_METADATA = re.compile(
    r"169\.254\.|metadata\.google|CredentialsNotLoaded|credential", re.IGNORECASE
)
_PROVIDER = re.compile(r"credential provider: \w+: (?P<why>.+)")
_UNREACHED = re.compile("error sending request|kind: Connect|kind: Timeout|dns error")
_LONGEST_TEXT = 200

_ACCESS_HINT = "check the credentials, and that they may list, read and, for a store, write there"
_CREDENTIALS_HINT = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; AWS_SKIP_SIGNATURE=true "
    "reads public buckets"
)


def import_obstore() -> ModuleType:
    """Import obstore; InputError with a hint where it isn't installed."""
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise InputError(
            "URLs of object storage need the package obstore, which is not installed",
            install_hint("cloud"),
        ) from error
    return obstore


def run_interruptible(request: Callable[[], T]) -> T:
    """Make a request so that Ctrl-C ends the wait for its answer.

    Only the main thread receives an interrupt, and not while it is inside of a request. So there
    the request is made on another thread, which an interrupt leaves behind.
    """
    if current_thread() is not main_thread():
        return request()
    pool = ThreadPoolExecutor(1, "apilog-request")
    try:
        return pool.submit(request).result()
    finally:
        pool.shutdown(wait=False)


@contextmanager
def translate_refusals(where: str, bucket: str) -> Iterator[None]:
    """Turn the errors of obstore into FileNotFoundError, FileExistsError and StorageError."""
    refused: type[Exception] = import_obstore().exceptions.BaseError
    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET.search(str(error)):
            raise _no_bucket_error(bucket) from error
        raise FileNotFoundError(errno.ENOENT, "no such object", where) from error
    except refused as error:
        raise _refusal_error(error, where, bucket) from error


def _refusal_error(error: Exception, where: str, bucket: str) -> OSError:
    text, _, debug = str(error).partition("\n\nDebug source")
    kind = type(error).__name__
    if kind == "AlreadyExistsError":
        return FileExistsError(errno.EEXIST, "there is one already", where)
    if kind == "PreconditionError":
        return StorageError("it was replaced while it was being read", "run it again")
    if _NO_BUCKET.search(text):
        return _no_bucket_error(bucket)
    if provider := _PROVIDER.search(text):
        return StorageError(_shorten_text(f"no credentials: {provider['why']}"), "log in again")
    # When a listing is denied, only the text of obstore's error has the status.
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or _DENIED.search(text):
        answer = _ANSWER.search(text)
        return StorageError(
            f"access denied: {answer['code']}" if answer else "access denied", _ACCESS_HINT
        )
    if _ELSEWHERE.search(text):
        return StorageError("the bucket is in another region", "set AWS_REGION to its region")
    if "Account must be specified" in text:
        return StorageError("no account given", "set AZURE_STORAGE_ACCOUNT_NAME")
    if answer := _ANSWER.search(text):
        message = f": {answer['message']}" if answer["message"] else ""
        return StorageError(_shorten_text(f"{answer['code']}{message}"))
    if _METADATA.search(text):
        return StorageError("no credentials found", _ACCESS_HINT)
    if _UNREACHED.search(text + debug):
        hint = "check the connection, and the endpoint if the environment names one"
        return StorageError("the server can't be reached", hint)
    return StorageError(_shorten_text(" ".join(text.split())))


def _no_bucket_error(bucket: str) -> StorageError:
    return StorageError(f"there is no bucket {bucket}", "check its name and the account")


def _shorten_text(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


@lru_cache(maxsize=64)
def connect_bucket(scheme: str, bucket: str) -> Connection:
    """Return the client of a bucket; nothing is sent yet.

    Raises InputError where the package is missing or the endpoint is none, StorageError where
    credentials are missing.
    """
    store = import_obstore().store
    client_options = _CLIENT_OPTIONS | {"allow_http": is_plain_http(scheme)}
    options: dict[str, Any] = {"client_options": client_options, "retry_config": _RETRY_OPTIONS}
    with translate_refusals(f"{scheme}://{bucket}", bucket):
        match scheme:
            case "s3":
                client = store.S3Store(bucket, **options, **_aws_credentials())
            case "gs":
                client = store.GCSStore(bucket, **options)
            case _:
                client = store.AzureStore(bucket, **options)
    return cast("Connection", client)


def scan_options(scheme: str) -> dict[str, str]:
    """Return the options that Polars doesn't find out by itself."""
    options = {}
    if scheme == "s3" and _is_unsigned():
        options["aws_skip_signature"] = "true"
    if (endpoint := endpoint_of(scheme)) and scheme == "s3":
        options["aws_endpoint_url"] = endpoint
    if is_plain_http(scheme):
        options["allow_http"] = "true"
    return options


def endpoint_of(scheme: str) -> str | None:
    """Return the server that the environment names, if any; InputError if it is no URL."""
    for name in ENDPOINT_VARIABLES[scheme]:
        if url := os.environ.get(name):
            if not _SERVER_URL.fullmatch(url):
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


def _aws_credentials() -> dict[str, Any]:
    """Return the provider of credentials, unless obstore finds them itself.

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
        raise StorageError(f"no credentials: {error}", _CREDENTIALS_HINT) from error
    except ValueError as error:
        raise StorageError("no credentials found", _CREDENTIALS_HINT) from error
