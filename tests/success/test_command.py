"""`apilog success` as it is used: outputs, privacy, errors, hostile text."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import polars as pl
import pytest
from rich.cells import cell_len

from apilog.developer_success import build_success_report
from apilog.developer_success.tables import table_names
from apilog.options import PlanTerms, SuccessOptions
from apilog.privacy import hash_consumers
from apilog.render import OUTPUTS, OutputOptions
from apilog.report_model import Report
from tests.commands import Run

SAMPLE = Path(__file__).parents[2] / "sample_logs" / "success"
ACCOUNTS = SAMPLE / "accounts.csv"
AS_OF = ("--as-of", "2026-11-21")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
HOSTILE = "\x1b[31m=HYPERLINK(1)|<b>[/b]\u202e`$x"

COLUMNS = {
    "funnel": "stage accounts rate step_rate median_hours",
    "trials": "trial_kind started running finished converted conversion_rate conversion_low "
    "conversion_high median_days_to_convert requests_per_account error_rate latency_p95_ms "
    "requests_per_account_converted error_rate_converted latency_p95_ms_converted "
    "requests_per_account_lost error_rate_lost latency_p95_ms_lost",
    "revenue": "plan accounts paying mrr arpu arppu conversion_rate churn_rate clv requests "
    "requests_per_account revenue_per_1000_requests",
    "poc": "started completed conversion_rate completion_rate median_days p90_days",
    "retention": "cohort age accounts active rate complete",
    "experiments": "variant metric accounts value lift low high p_value",
    "bottlenecks": "stage route status accounts share",
    "unmatched": "consumer requests",
}
"""What the contract says of the tables; they may have more."""


def line(consumer: str, status: int = 200, path: str = "/v1") -> str:
    return (
        f"192.0.2.1 - {consumer} [20/Nov/2026:10:00:00 +0000] "
        f'"GET {path} HTTP/1.1" {status} 5 "-" "-"\n'
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text("".join(line(f"k{i % 7}", 200 + 200 * (i % 2)) for i in range(40)))
    return path


def table_of(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_json_keeps_the_contract(run: Run) -> None:
    result = run("success", SAMPLE, "--accounts", ACCOUNTS, *AS_OF, "-f", "json", "--quiet")
    assert (result.code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["apilog"]["command"] == "success"
    assert document["input"]["lines"] == document["input"]["records"] > 0
    assert list(document["tables"]) == table_names()
    for name, columns in COLUMNS.items():
        rows = document["tables"][name]
        assert rows, name
        assert [c for c in rows[0] if c in columns.split()] == columns.split()
    assert document["tables"]["retention"][0]["cohort"] == "2026-09-14"
    assert document["tables"]["revenue"][-1]["plan"] == "(all)"


@pytest.mark.slow
@pytest.mark.parametrize("output", sorted(OUTPUTS))
def test_every_output_draws_it_and_no_address_is_in_any(
    run: Run, tmp_path: Path, stored: Path, output: str
) -> None:
    argv = ("success", stored, "--accounts", ACCOUNTS, *AS_OF, "--quiet", "-f", output)
    result = run(*argv, "-o", tmp_path / "one")
    assert (result.code, result.stdout, result.stderr) == (0, b"", "")
    assert run(*argv, "-o", f"{tmp_path}/all/").code == 0
    files = [tmp_path / "one", *(tmp_path / "all").iterdir()]
    assert len(files) == 1 + len(table_names())
    assert not any(b"@example" in file.read_bytes() for file in files)


def test_stdout_is_data_and_notes_go_to_stderr(run: Run) -> None:
    result = run("success", SAMPLE, "--accounts", ACCOUNTS, *AS_OF, "-f", "csv")
    rows = [*csv.DictReader(io.StringIO(result.text))]
    assert rows[0]["stage"] == "signed_up"
    assert len(rows) == 5
    notes = result.stderr.splitlines()
    assert notes[0] == "apilog: note: all as of 2026-11-21 00:00 UTC"
    assert "apilog: note: 215 calls of no account (40 without a consumer): see unmatched" in notes


@pytest.mark.slow
def test_a_store_gives_the_same_report(run: Run, stored: Path) -> None:
    argv = ("--accounts", ACCOUNTS, *AS_OF, "-f", "json", "--quiet")
    tables = [json.loads(run("success", s, *argv).stdout)["tables"] for s in (SAMPLE, stored)]
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_since_and_until_limit_the_calls(run: Run) -> None:
    argv = ("success", SAMPLE, "--accounts", ACCOUNTS, *AS_OF, "-f", "json", "--quiet")
    limits = ("--since", "2026-10-01", "--until", "2026-11-01")
    document = json.loads(run(*argv, *limits).stdout)
    whole = json.loads(run(*argv).stdout)
    assert document["window"] == {"since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"}
    calls = [d["tables"]["revenue"][-1]["requests"] for d in (document, whole)]
    assert 0 < calls[0] < calls[1]
    assert document["tables"]["funnel"][0] == whole["tables"]["funnel"][0]


@pytest.mark.slow
def test_by_puts_groups_in_front(run: Run, stored: Path) -> None:
    argv = ("success", stored, "--accounts", ACCOUNTS, *AS_OF, "--quiet", "-f", "json")
    grouped = json.loads(run(*argv, "--by", "country,gateway").stdout)["tables"]
    whole = json.loads(run(*argv).stdout)["tables"]
    keys = [*grouped["funnel"][0]]
    assert keys[:3] == ["country", "gateway", "stage"]
    for stage in whole["funnel"]:
        parts = [row["accounts"] for row in grouped["funnel"] if row["stage"] == stage["stage"]]
        assert sum(parts) == stage["accounts"]
    # What is by plan anyway stays whole.
    by_plan = json.loads(run(*argv, "--by", "plan").stdout)["tables"]
    assert by_plan["revenue"] == whole["revenue"]
    assert {row["plan"] for row in by_plan["funnel"]} == {"free", "starter", "pro", "scale"}
    drawn = run(*argv[:-2], "--by", "country")
    assert "By country" in drawn.text
    assert run(*argv[:-2], "--by", "country", "--table", "trials").text.startswith("Trials")


@pytest.mark.slow
def test_accounts_in_small_groups_beyond_the_largest_are_one_group(
    log: Path, tmp_path: Path
) -> None:
    rows = "".join(f"k{i},town-{i}\n" for i in range(60))
    table = table_of(tmp_path, f"account,town\n{rows}")
    options = SuccessOptions(accounts=str(table), by=["town"], as_of="2026-11-21")
    funnel = build_success_report([log], options).tables["funnel"]
    first = funnel.filter(pl.col("stage") == "signed_up")
    assert first.height == 51
    assert first.row(-1)[:3] == ("(other)", "signed_up", 10)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--by", "owner"), "--by owner: the column holds e-mail addresses"),
        (("--by", "account"), "--by account: accounts can't be grouped by it"),
        (("--by", "mrr"), "--by mrr: accounts can't be grouped by it"),
        (("--by", "town"), "the account table has no column 'town'"),
        (("--control", "C"), "--control 'C': no account has that variant"),
        (("--split", "9:1:1"), "--split '9:1:1' does not have one share for each variant"),
        (("--attribution", "soon"), "can't read the duration 'soon'"),
        (("--table", "funnels"), "there is no table 'funnels'"),
        (("--as-of", "whenever"), "can't read the time 'whenever'"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), "is not before --until"),
        (("--cohort", "day"), "invalid value for '--cohort'"),
        (("--activation-calls", "0"), "invalid value for '--activation-calls'"),
        (("--activation-calls", "1001"), "is not between 1 and 1,000"),
        (("--hash-consumers", ""), "the key of --hash-consumers is empty"),
        (("--where", "statuss > 1"), "no column 'statuss'"),
        (("-l", "nonsense"), ""),
    ],
)
def test_what_can_not_be_asked_is_one_clear_error(
    run: Run, argv: tuple[str, ...], message: str
) -> None:
    result = run("success", SAMPLE, "--accounts", ACCOUNTS, *argv)
    assert (result.code, result.stdout) == (2, b"")
    first = result.stderr.splitlines()[0]
    assert first.startswith("apilog: error: ")
    assert message in first


def test_accounts_are_asked_for(run: Run) -> None:
    result = run("success", SAMPLE)
    assert result.code == 2
    assert "there are no accounts to join" in result.stderr
    assert "give --accounts FILE" in result.stderr


def test_consumers_are_hashed_in_every_output(run: Run, log: Path, tmp_path: Path) -> None:
    table = table_of(tmp_path, "account,consumers,plan\nacme,k1;k2,pro\n")
    argv = ("success", log, "--accounts", table, "--hash-consumers", "a long key", "-f", "json")
    result = run(*argv, "--quiet")
    tables = json.loads(result.stdout)["tables"]
    assert tables["funnel"][1]["accounts"] == 1
    hashes = hash_consumers(pl.Series([f"k{i}" for i in (0, 3, 4, 5, 6)]), b"a long key")
    assert {row["consumer"] for row in tables["unmatched"]} == set(hashes)
    assert not re.search(r"\bk[0-9]\b|acme", result.text)


def test_logs_that_hold_hashes_are_joined_with_the_same_key(run: Run, tmp_path: Path) -> None:
    hashed = hash_consumers(pl.Series(["k1", "k2"]), b"key")
    log = tmp_path / "hashed.log"
    log.write_text("".join(map(line, [*hashed, "k1"])))
    table = table_of(tmp_path, "account,consumers\nacme,k1\n")
    argv = ("success", log, "--accounts", table, "--hash-consumers", "key", "-f", "json", "--quiet")
    tables = json.loads(run(*argv).stdout)["tables"]
    assert tables["revenue"][-1]["requests"] == 2
    assert [row["consumer"] for row in tables["unmatched"]] == [hashed[1]]


def test_accounts_that_are_addresses_are_hidden(log: Path, tmp_path: Path) -> None:
    table = table_of(tmp_path, "account,consumers,plan\na@example.com,k1,pro\nb,k2,pro\n")
    plans = {"pro": PlanTerms(quota=1)}

    def shown(key: str | None) -> list[str]:
        options = SuccessOptions(
            accounts=str(table), plans=plans, as_of="2026-11-21", hash_consumers=key
        )
        return build_success_report([log], options).tables["candidates"]["account"].to_list()

    assert sorted(shown(None)) == ["(hidden)", "b"]
    assert all(text.startswith("hmac:") for text in shown("key"))


def test_bad_rows_fail_a_strict_run_only(run: Run, log: Path, tmp_path: Path) -> None:
    table = table_of(tmp_path, "account,mrr\nk1,5\n,7\n")
    result = run("success", log, "--accounts", table, "-f", "csv")
    assert result.code == 0
    assert "apilog: note: accounts: row 2 is left out: no account" in result.stderr
    result = run("success", log, "--accounts", table, "-f", "csv", "--strict")
    assert (result.code, result.stdout) == (2, b"")
    assert "1 row of the account table can't be used" in result.stderr


def test_an_amount_that_can_not_be_read_ends_the_run(run: Run, log: Path, tmp_path: Path) -> None:
    table = table_of(tmp_path, "account,mrr\nk1,5\nk2,lots\n")
    result = run("success", log, "--accounts", table, "-f", "csv")
    assert (result.code, result.stdout) == (2, b"")
    assert "row 2 of the account table: mrr 'lots' is no amount" in result.stderr


@pytest.mark.slow
def test_nothing_at_all_is_an_empty_report(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.log"
    empty.write_text("")
    table = table_of(tmp_path, "")
    for output in OUTPUTS:
        argv = ("-f", output, "-o", tmp_path / output)
        assert run("success", empty, "--accounts", table, *argv).code == 0
    tables = json.loads((tmp_path / "json").read_text())["tables"]
    assert [row["accounts"] for row in tables["funnel"]] == [0] * 5
    assert tables["retention"] == tables["trials"] == tables["experiments"] == []
    assert "No accounts." in (tmp_path / "table").read_text()


def test_logs_that_can_not_be_read(run: Run, tmp_path: Path) -> None:
    table = table_of(tmp_path, "account\nk1\n")
    result = run("success", tmp_path / "missing.log", "--accounts", table)
    assert (result.code, result.stdout) == (2, b"")
    assert "missing.log" in result.stderr


def test_rejects_are_kept(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_text(log.read_text() + "nonsense\n")
    table = table_of(tmp_path, "account\nk1\n")
    result = run("success", log, "--accounts", table, "--rejects", tmp_path / "r", "-f", "csv")
    assert result.code == 0
    assert json.loads((tmp_path / "r").read_text())["line"] == "nonsense"


def test_an_account_table_beside_the_logs_is_no_log(run: Run, log: Path, tmp_path: Path) -> None:
    for name, head in (
        ("accounts.csv", "account,consumers,plan"),
        ("other.CSV", '"account";"signed_up_at"'),
    ):
        (tmp_path / name).write_text(f"{head}\nk1,k1,pro\n")
    result = run("report", tmp_path, "-f", "json")
    assert (result.code, result.stderr) == (0, "")
    assert [f["path"] for f in json.loads(result.stdout)["input"]["files"]] == [str(log)]
    # One that is named is looked at.
    assert run("report", tmp_path / "accounts.csv").code == 2


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report on accounts whose texts act on what does not expect them."""
    folder = tmp_path_factory.mktemp("hostile")
    log = folder / "hostile.log"
    path = "/v1/=cmd[/b]\\x1b[31m"
    log.write_text("".join(line(f"k{i}", 404, path) for i in range(4)) + line("=cmd()", 500, path))
    text = HOSTILE
    rows = [
        {
            "account": f"{text}{i}",
            "consumers": f"k{i}",
            "plan": text,
            "variant": f"{text}{i % 2}",
            "trial_kind": text,
            "trial_started_at": "2026-11-01T00:00:00Z",
            "trial_ends_at": "2026-11-20T23:00:00Z",
            "signed_up_at": "2026-09-01T00:00:00Z",
            "country": text,
        }
        for i in range(4)
    ]
    table = folder / "hostile.csv"
    pl.DataFrame(rows).write_csv(table)
    plans = {text: PlanTerms(quota=1)}
    goals: dict[str, str | float] = {
        "conversion_rate": "25%",
        "trial_error_rate": "<= 5%",
        "clv": 100,
    }
    options = SuccessOptions(accounts=str(table), plans=plans, goals=goals, as_of="2026-11-21")
    return build_success_report([log], options)


@pytest.mark.parametrize("width", [24, 40, 80, 120, 200])
def test_no_line_is_too_wide_and_no_text_acts_on_the_terminal(hostile: Report, width: int) -> None:
    out = io.BytesIO()
    OUTPUTS["table"].write(hostile, out, OutputOptions(width=width))
    text = out.getvalue().decode()
    assert not CONTROL.search(text)
    for row in text.splitlines():
        assert cell_len(row) <= width, row
    if width >= 80:
        assert "✗ missed" in text
        assert "– no data" in text


def test_colours_are_the_reports_own(hostile: Report) -> None:
    out = io.BytesIO()
    OUTPUTS["table"].write(hostile, out, OutputOptions(width=120, color=True))
    text = out.getvalue().decode()
    assert "\x1b[1;31m✗ missed" in text
    assert not CONTROL.search(re.sub(r"\x1b\[[0-9;]*m", "", text))


@pytest.mark.parametrize("output", ["csv", "md", "json", "ndjson"])
@pytest.mark.parametrize("table", table_names())
def test_no_text_acts_on_what_reads_an_output(hostile: Report, output: str, table: str) -> None:
    out = io.BytesIO()
    OUTPUTS[output].write(hostile, out, OutputOptions(table=table, terminal=True))
    text = out.getvalue().decode()
    assert not CONTROL.search(text)
    if output == "csv":
        assert not any(
            cell.startswith(("=", "+", "@"))
            for row in csv.reader(io.StringIO(text))
            for cell in row
        )
    if output == "md":
        assert "<b>" not in text


def test_the_report_of_the_sample_can_be_read(run: Run) -> None:
    text = run("success", SAMPLE, "--accounts", ACCOUNTS, *AS_OF).text
    for title in ("Funnel", "Where they stop", "Trials", "Revenue", "Retention", "Experiments"):
        assert f"\n{title}" in text
