"""Disks that are really full: small ones in memory, mounted where nobody else sees them.

Mounting needs a namespace of one's own: https://man7.org/linux/man-pages/man7/user_namespaces.7.html
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from tests.weblog import line, write

pytestmark = pytest.mark.slow

_IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc"]
OLD = "what was there before"
REQUESTS = 2 * 11**3
FULL = """
mount -t tmpfs -o size=12k none "$1"; disk=$1; shift
mkdir "$disk/out"; printf '%s' "$old" > "$disk/old"
cd "$disk"
"$@" > /dev/null 2> "$errors" && code=0 || code=$?
printf '%s' "$code" > "$errors.code"
find . -type f ! -name '.*lock*' | sort > "$errors.files"
cat old > "$errors.old"
if [ "$again" ]; then
  mount -o remount,size=64m none "$disk"
  "$@" > /dev/null 2>> "$errors" && code=0 || code=$?
  printf ' %s' "$code" >> "$errors.code"
  cp -r "$disk" "$errors.disk"
fi
"""


@cache
def may_mount() -> bool:
    """Whether this system lets anybody mount in a namespace of their own."""
    if not shutil.which("unshare"):
        return False
    command = [*_IN_NAMESPACE, "mount -t tmpfs none /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Few words in each place, so that all their combinations are routes of their own.
    words = [letter + "x" * 12 for letter in "abcdefghijk"]
    paths = ["/".join(("/orders", *chosen)) for chosen in product(words, repeat=3)]
    lines = [line(path, after=n) for n, path in enumerate(paths * 2)]
    lines += ["no request"] * 3000
    return write(tmp_path_factory.mktemp("full") / "a.log", lines)


def run_on_full_disk(
    folder: Path, *argv: str | Path, again: bool = False
) -> tuple[str, str, list[str]]:
    """Run a command on a disk of 12 KiB: exit codes, what it said, and which files are there."""
    if not may_mount():
        pytest.skip("mounting is refused here")
    disk, errors = folder / "disk", folder / "errors"
    disk.mkdir()
    environment = {
        "old": OLD,
        "errors": str(errors),
        "again": "1" if again else "",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-m", "apilog", *map(str, argv)]
    done = subprocess.run(
        [*_IN_NAMESPACE, FULL, "sh", str(disk), *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    files = Path(f"{errors}.files").read_text().split()
    assert Path(f"{errors}.old").read_text() == OLD
    return Path(f"{errors}.code").read_text(), errors.read_text(), files


@pytest.mark.parametrize(
    "argv",
    [
        ("report", "-f", "json", "-o", "old", "--force"),
        ("report", "-f", "csv", "-o", "out/"),
        ("report", "-f", "html", "-o", "old", "--force"),
        ("report", "-f", "svg", "-o", "out/"),
        ("query", "SELECT * FROM requests", "-f", "xlsx", "-o", "old", "--force"),
        ("query", "SELECT path, status FROM requests", "-f", "ndjson", "-o", "old", "--force"),
        ("baseline", "-o", "old", "--force"),
        ("report", "-f", "md", "--rejects", "old", "--force"),
        (
            "check",
            "-t",
            "error_rate < 1%",
            "--table",
            "checks",
            "-f",
            "junit",
            "--rejects",
            "rejects",
        ),
    ],
    ids=["json", "csv", "html", "svg", "xlsx", "ndjson", "baseline", "rejects", "check"],
)
def test_a_full_disk_is_an_error_and_what_was_there_stays(
    tmp_path: Path, log: Path, argv: tuple[str, ...]
) -> None:
    code, said, files = run_on_full_disk(tmp_path, *argv, log)
    assert code == "2"
    assert "No space left on device" in said
    assert "hint: free some space" in said
    assert "Traceback" not in said
    # Of several files some may have fitted: each of them is whole, and no half one is left.
    assert [f for f in files if f != "./old" and not f.startswith("./out/")] == []
    assert not [f for f in files if "tmp" in f or "part" in f]


@pytest.mark.parametrize(
    "argv",
    [("ingest", "--store", "out/store"), ("export", "--to", "out/export")],
    ids=["ingest", "export"],
)
def test_a_run_with_more_space_makes_good_what_a_full_disk_refused(
    tmp_path: Path, log: Path, argv: tuple[str, ...]
) -> None:
    codes, said, _ = run_on_full_disk(tmp_path, *argv, log, again=True)
    assert codes == "2 0"
    assert "No space left on device" in said
    assert "Traceback" not in said
    if argv[0] == "ingest":
        command = [
            sys.executable,
            "-m",
            "apilog",
            "report",
            "-f",
            "json",
            f"{tmp_path}/errors.disk/out/store",
        ]
        report = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert report["tables"]["overview"][0]["requests"] == REQUESTS
    else:
        days = sorted(Path(tmp_path, "errors.disk/out/export").glob("20*"))
        assert days
        tables = [pl.read_csv(day / "overview.csv") for day in days]
        assert sum(table["requests"].sum() for table in tables) == REQUESTS
