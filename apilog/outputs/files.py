"""Files that appear whole or not at all: written beside their target, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from apilog.errors import OutputError
from apilog.model import Report
from apilog.outputs.base import Output, OutputOptions


@contextmanager
def replacing(path: Path, force: bool) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file when the block ends without an error.

    A device or named pipe is written to directly, a symbolic link is followed. Raises
    OutputError if the file exists and `force` is not set, or if it can't be written.
    """
    target = Path(os.path.realpath(path))
    with _explained(path):
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        refuse_existing([path], force)
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with beside.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def write_directory(
    report: Report, directory: Path, output: Output, options: OutputOptions, force: bool
) -> list[Path]:
    """Writes every table as `<table>.<suffix>` and returns the files.

    The directory is made if it is missing. Raises OutputError before anything is
    written if one of the files exists and `force` is not set.
    """
    paths = {name: directory / f"{name}.{output.suffix}" for name in report.tables}
    refuse_existing(paths.values(), force)
    with _explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        with replacing(path, force) as stream:
            output.write(report, stream, replace(options, table=name))
    return list(paths.values())


def refuse_existing(paths: Iterable[Path], force: bool) -> None:
    """Raises OutputError for the first of the files that exists, unless `force` is set.

    What is no regular file, such as /dev/null, is not replaced and so never refused.
    """
    existing = next((path for path in paths if path.is_file()), None)
    if existing is not None and not force:
        raise OutputError(f"{existing} exists already", "pass --force to replace it")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error
