"""What in a place is export's own: read from its marks, never guessed from names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from apilog.errors import OutputError, UsageError
from apilog.exports.export_folder import ExportFolder
from apilog.exports.export_options import ExportSetting
from apilog.exports.manifest import (
    EXPORT_VERSION,
    PERIOD_FILE,
    SETTINGS_FILE,
    NewerManifest,
    PeriodManifest,
    SettingsManifest,
    period_folder_name,
)
from apilog.storage.folder import unfinished_name
from apilog.time import Period


class ExportManifests:
    """The marks of a place, read when they are asked for."""

    def __init__(self, place: ExportFolder) -> None:
        self._place = place

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._place.list_folders())

    def check_settings(self, settings: Mapping[str, ExportSetting]) -> None:
        """Raise UsageError if the place was made with other options."""
        mark = self._read_settings()
        for name, value in settings.items() if mark else ():
            assert mark
            before = mark.settings.get(name)
            # An option that was not there yet was not given.
            if before != value and (before or value):
                raise UsageError(
                    f"{self._place} was exported with {_format_option(name, before)}, "
                    f"not with {_format_option(name, value)}",
                    "name another folder, or pass --force to go on in this one",
                )

    def write_settings(
        self, settings: Mapping[str, ExportSetting], columns: Mapping[str, list[str]]
    ) -> None:
        """Say how the place is made, unless it says so."""
        data = SettingsManifest(settings=settings, columns=columns).to_json()
        if self._place.read_file(SETTINGS_FILE) != data:
            self._place.write_file(SETTINGS_FILE, data)

    def read_period(self, period: Period) -> list[PeriodManifest]:
        """The marks of the period's folders: over or not, one or none.

        Raises OutputError if a folder of that name is not export's.
        """
        names = (period_folder_name(period, is_open=is_open) for is_open in (False, True))
        found = [(name, self._read_manifest(name)) for name in names if name in self._names]
        for name, mark in found:
            if mark is None:
                raise OutputError(
                    f"{self._place}/{name} is there, and was not made by export",
                    "move it away, or name another folder",
                )
        return [mark for _, mark in found if mark]

    def read_all_periods(self) -> Iterable[PeriodManifest]:
        """The marks of all folders that are export's."""
        found = (self._read_manifest(name) for name in sorted(self._names))
        return (mark for mark in found if mark)

    def is_intact(self, mark: PeriodManifest) -> bool:
        """Whether a folder's files are there, and as long as they were written."""
        sizes = self._place.file_sizes(mark.folder)
        return all(sizes.get(name) == size for name, (size, _) in mark.files.items())

    def has_foreign_files(self, mark: PeriodManifest) -> bool:
        """Whether a folder holds what export did not make."""
        own = {*mark.files, PERIOD_FILE, unfinished_name(PERIOD_FILE)}
        return not own.issuperset(self._place.file_sizes(mark.folder))

    def write_period(self, mark: PeriodManifest) -> None:
        """Say anew of a folder whose files stay what it is made of."""
        self._place.write_file(f"{mark.folder}/{PERIOD_FILE}", mark.to_json())

    def _read_settings(self) -> SettingsManifest | None:
        data = self._place.read_file(SETTINGS_FILE)
        try:
            return None if data is None else SettingsManifest.from_json(data)
        except NewerManifest as error:
            raise self._newer_error(SETTINGS_FILE, error) from error
        except ValueError as error:
            raise OutputError(
                f"{self._place}/{SETTINGS_FILE} is not what export writes there",
                "restore it, or move it away: then the next run writes it anew",
            ) from error

    def _read_manifest(self, folder: str) -> PeriodManifest | None:
        name = f"{folder}/{PERIOD_FILE}"
        # A link's files have no sizes here: what it leads to is not export's.
        data = (
            self._place.read_file(name) if PERIOD_FILE in self._place.file_sizes(folder) else None
        )
        try:
            mark = PeriodManifest.from_json(data or b"")
        except NewerManifest as error:
            raise self._newer_error(name, error) from error
        except ValueError:
            return None
        return mark if mark.folder == folder else None

    def _newer_error(self, name: str, error: NewerManifest) -> OutputError:
        return OutputError(
            f"{self._place}/{name} has version {error}, this apilog writes up to {EXPORT_VERSION}",
            "upgrade apilog",
        )


def _format_option(name: str, value: ExportSetting) -> str:
    """An option as it would be written."""
    match value:
        case None | False | []:
            return f"no --{name}"
        case True:
            return f"--{name}"
        case list():
            return " ".join(f"--{name} {each}" for each in value)
        case _:
            return f"--{name} {value}"
