"""What in a place is export's own: read from its marks, never guessed from names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from apilog.errors import OutputError, UsageError
from apilog.export.marks import (
    FOLDER_MARK,
    PERIOD_MARK,
    VERSION,
    FolderMark,
    NewerVersion,
    PeriodMark,
    folder_of,
)
from apilog.export.options import Setting
from apilog.export.place import Place
from apilog.storage.names import unfinished
from apilog.window import Period


class Own:
    """The marks of a place, read when they are asked for."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._place.folders())

    def check_settings(self, settings: Mapping[str, Setting]) -> None:
        """Raise UsageError if the place was made with other options."""
        mark = self._folder_mark()
        for name, value in settings.items() if mark else ():
            assert mark
            before = mark.settings.get(name)
            # An option that was not there yet was not given.
            if before != value and (before or value):
                raise UsageError(
                    f"{self._place} was exported with {_told(name, before)}, "
                    f"not with {_told(name, value)}",
                    "name another folder, or pass --force to go on in this one",
                )

    def mark(self, settings: Mapping[str, Setting], columns: Mapping[str, list[str]]) -> None:
        """Say how the place is made, unless it says so."""
        data = FolderMark(settings=settings, columns=columns).to_json()
        if self._place.read(FOLDER_MARK) != data:
            self._place.write(FOLDER_MARK, data)

    def of_period(self, period: Period) -> list[PeriodMark]:
        """The marks of the period's folders: over or not, one or none.

        Raises OutputError if a folder of that name is not export's.
        """
        names = (folder_of(period, is_open=is_open) for is_open in (False, True))
        found = [(name, self._mark_of(name)) for name in names if name in self._names]
        for name, mark in found:
            if mark is None:
                raise OutputError(
                    f"{self._place}/{name} is there, and was not made by export",
                    "move it away, or name another folder",
                )
        return [mark for _, mark in found if mark]

    def all_periods(self) -> Iterable[PeriodMark]:
        """The marks of all folders that are export's."""
        found = (self._mark_of(name) for name in sorted(self._names))
        return (mark for mark in found if mark)

    def is_intact(self, mark: PeriodMark) -> bool:
        """Whether a folder's files are there, and as long as they were written."""
        sizes = self._place.sizes(mark.folder)
        return all(sizes.get(name) == size for name, (size, _) in mark.files.items())

    def has_others(self, mark: PeriodMark) -> bool:
        """Whether a folder holds what export did not make."""
        own = {*mark.files, PERIOD_MARK, unfinished(PERIOD_MARK)}
        return not own.issuperset(self._place.sizes(mark.folder))

    def mark_period(self, mark: PeriodMark) -> None:
        """Say anew of a folder whose files stay what it is made of."""
        self._place.write(f"{mark.folder}/{PERIOD_MARK}", mark.to_json())

    def _folder_mark(self) -> FolderMark | None:
        data = self._place.read(FOLDER_MARK)
        try:
            return None if data is None else FolderMark.from_json(data)
        except NewerVersion as error:
            raise self._newer(FOLDER_MARK, error) from error
        except ValueError as error:
            raise OutputError(
                f"{self._place}/{FOLDER_MARK} is not what export writes there",
                "restore it, or move it away: then the next run writes it anew",
            ) from error

    def _mark_of(self, folder: str) -> PeriodMark | None:
        name = f"{folder}/{PERIOD_MARK}"
        # A link's files have no sizes here: what it leads to is not export's.
        data = self._place.read(name) if PERIOD_MARK in self._place.sizes(folder) else None
        try:
            mark = PeriodMark.from_json(data or b"")
        except NewerVersion as error:
            raise self._newer(name, error) from error
        except ValueError:
            return None
        return mark if mark.folder == folder else None

    def _newer(self, name: str, error: NewerVersion) -> OutputError:
        return OutputError(
            f"{self._place}/{name} has version {error}, this apilog writes up to {VERSION}",
            "upgrade apilog",
        )


def _told(name: str, value: Setting) -> str:
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
