"""What the user says of the keys of a log."""

from __future__ import annotations

from dataclasses import dataclass

from apilog.options import ColumnMapping


@dataclass(frozen=True, slots=True)
class KeyHints:
    """Which keys columns are read from, and whose address the client's is."""

    columns: tuple[ColumnMapping, ...] = ()
    client_ip: str | None = None
    """A name that `--client-ip` takes."""

    def __bool__(self) -> bool:
        return bool(self.columns or self.client_ip)

    def over(self, others: KeyHints) -> KeyHints:
        """Return these hints, and the others where these say nothing."""
        said = {mapping.column for mapping in self.columns}
        if self.client_ip:
            said.add("client_ip")
        more = (mapping for mapping in others.columns if mapping.column not in said)
        has_column = any(mapping.column == "client_ip" for mapping in self.columns)
        client_ip = self.client_ip or (None if has_column else others.client_ip)
        return KeyHints((*more, *self.columns), client_ip)


NO_KEY_HINTS = KeyHints()
