"""What object storage says when it refuses, as errors of the operating system with a hint."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from apilog.storage.cloud.library import library
from apilog.storage.errors import StorageError

_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound|The specified bucket does not exist")
_ANSWER = re.compile(r"<Code>(?P<code>\w+)</Code>\s*(?:<Message>(?P<message>[^<]*)</Message>)?")
_ELSEWHERE = re.compile("PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint")
_DENIED = re.compile(r"status code: 40[13]\b")
_METADATA = re.compile(
    r"169\.254\.|metadata\.google|CredentialsNotLoaded|credential", re.IGNORECASE
)
_PROVIDER = re.compile(r"credential provider: \w+: (?P<why>.+)")
_UNREACHED = re.compile("error sending request|kind: Connect|kind: Timeout|dns error")
_LONGEST = 200

_ACCESS = "check the credentials, and that they may list, read and, for a store, write there"


@contextmanager
def told(where: str, bucket: str) -> Iterator[None]:
    """Turn what obstore raises into OSError: FileNotFoundError, FileExistsError, StorageError."""
    refused: type[Exception] = library().exceptions.BaseError
    try:
        yield
    except FileNotFoundError as error:
        if _NO_BUCKET.search(str(error)):
            raise _no_bucket(bucket) from error
        raise FileNotFoundError(errno.ENOENT, "no such object", where) from error
    except refused as error:
        raise _refusal(error, where, bucket) from error


def _refusal(error: Exception, where: str, bucket: str) -> OSError:
    text, _, debug = str(error).partition("\n\nDebug source")
    kind = type(error).__name__
    if kind == "AlreadyExistsError":
        return FileExistsError(errno.EEXIST, "there is one already", where)
    if kind == "PreconditionError":
        return StorageError("it was replaced while it was being read", "run it again")
    if _NO_BUCKET.search(text):
        return _no_bucket(bucket)
    if provided := _PROVIDER.search(text):
        return StorageError(_shortened(f"no credentials: {provided['why']}"), "log in again")
    # Of lists, obstore tells the status in its text alone.
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or _DENIED.search(text):
        answer = _ANSWER.search(text)
        return StorageError(
            f"access denied: {answer['code']}" if answer else "access denied", _ACCESS
        )
    if _ELSEWHERE.search(text):
        return StorageError("the bucket is in another region", "set AWS_REGION to its region")
    if "Account must be specified" in text:
        return StorageError("no account given", "set AZURE_STORAGE_ACCOUNT_NAME")
    return _other(text, debug)


def _other(text: str, debug: str) -> StorageError:
    if answer := _ANSWER.search(text):
        told_too = f": {answer['message']}" if answer["message"] else ""
        return StorageError(_shortened(f"{answer['code']}{told_too}"))
    if _METADATA.search(text):
        return StorageError("no credentials found", _ACCESS)
    if _UNREACHED.search(text + debug):
        hint = "check the connection, and the endpoint if the environment names one"
        return StorageError("the server can't be reached", hint)
    return StorageError(_shortened(" ".join(text.split())))


def _no_bucket(bucket: str) -> StorageError:
    return StorageError(f"there is no bucket {bucket}", "check its name and the account")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
