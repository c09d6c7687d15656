"""A real PostgreSQL on loopback, with one table of accounts."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

PASSWORD = "s3cret word&more"
TABLE = """
CREATE TABLE customers (
  id integer, keys text[], created timestamptz, joined timestamp, day date, tier text,
  revenue numeric(10, 2), email text
);
INSERT INTO customers VALUES
  (1, ARRAY['k1', 'k2'], '2026-09-01T12:00:00+02', '2026-09-01', '2026-09-10', 'pro', 49.90,
   'a@b.c'),
  (2, NULL, '2026-09-02T00:00:00Z', '2026-09-02 10:30:00', NULL, NULL, NULL, 'd@e.f');
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    port: int

    def url(self, password: str = "s3cret%20word%26more", database: str = "postgres") -> str:
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a server with its data in a new folder; skip the test if PostgreSQL isn't installed."""
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        yield from _running(Path(folder))


def _running(folder: Path) -> Iterator[Postgres]:
    programs = _programs()
    user = _other_user(folder)
    data = folder / "data"
    secret = folder / "password"
    secret.write_text(PASSWORD)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *argv: str) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": PASSWORD}
        done = subprocess.run(
            [programs / program, *argv],
            user=user,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
        assert not done.returncode, done.stderr.decode()

    initial = ("-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "-N")
    run("initdb", "-D", str(data), *initial)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        where = ("-h", "127.0.0.1", "-p", str(port), "-U", "postgres")
        run("psql", *where, "-v", "ON_ERROR_STOP=1", "-c", TABLE)
        yield Postgres(port)
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


def _programs() -> Path:
    debian = [*Path("/usr/lib/postgresql").glob("*/bin")]
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(debian)
    if not folders or not (folders[-1] / "psql").exists():
        pytest.skip("PostgreSQL is not installed")
    return folders[-1]


def _other_user(folder: Path) -> int | None:
    """Return the user to run the server as, because PostgreSQL refuses to run as root."""
    if os.getuid():
        return None
    try:
        user = pwd.getpwnam("postgres").pw_uid
    except KeyError:
        pytest.skip("there is no user for PostgreSQL")
    os.chown(folder, user, -1)
    return user
