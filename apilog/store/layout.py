"""The layout of a store: the names of its files, relative to its folder.

Only files whose names are made here are ever removed.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

from apilog.storage.folder import finished_name

DataKind = Literal["records", "rejects"]

LOCK_NAME = "lock"
MANIFEST_FOLDER = "manifest"
RECORDS_FOLDER = "records"

# Hive's name for the partition of null, which other readers know.
_NO_DAY = "__HIVE_DEFAULT_PARTITION__"
_DAY_FOLDER = re.compile(r"date=[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FILE_PATTERN = r"[0-9]{8,20}-[0-9a-f]{8}-[0-9]{5,9}\.parquet"
_FOLDER_PATTERN = rf"records/date=(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{_NO_DAY})|rejects"
_DATA_NAME = re.compile(rf"(?:{_FOLDER_PATTERN})/{_FILE_PATTERN}")
_OWN_NAME = re.compile(rf"{_DATA_NAME.pattern}|{MANIFEST_FOLDER}/[0-9]{{20}}\.json")
_MANIFEST_NAME = re.compile(r"([0-9]{20})\.json")


def folder_of_day(day: date | None) -> str:
    """Return the folder of a day's records; None is for records without a time."""
    return f"records/date={day.isoformat() if day else _NO_DAY}"


def is_day_folder(name: str) -> bool:
    """Whether a name is that of a day's folder in RECORDS_FOLDER."""
    return name == f"date={_NO_DAY}" or _DAY_FOLDER.fullmatch(name) is not None


def data_file_name(folder: str, generation: int, run: str, number: int) -> str:
    """Return the name of a data file; no two files of a store ever share it."""
    return f"{folder}/{generation:08d}-{run}-{number:05d}.parquet"


def manifest_name(generation: int) -> str:
    """Return the name of that generation's manifest."""
    return f"{MANIFEST_FOLDER}/{generation:020d}.json"


def generation_of(name: str) -> int | None:
    """Return the generation of a file in MANIFEST_FOLDER; None for other files."""
    match = _MANIFEST_NAME.fullmatch(name)
    return int(match[1]) if match else None


def is_data_name(name: str) -> bool:
    """Whether a name is one that `data_file_name` makes."""
    return _DATA_NAME.fullmatch(name) is not None


def is_own_name(name: str) -> bool:
    """Whether a store itself makes files of this name, finished or not."""
    return _OWN_NAME.fullmatch(finished_name(name)) is not None


def generation_for(name: str) -> int:
    """Return the generation that the store's own file, finished or not, was made for."""
    return int(finished_name(name).rpartition("/")[2].partition("-")[0].removesuffix(".json"))
