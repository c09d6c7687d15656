"""Command lines of people who know other tools: the hint says what to write here."""

from __future__ import annotations

import pytest

from apilog.cli.app import COMMANDS
from apilog.cli.usage_hints import _OTHER_OPTIONS
from tests.commands import Run
from tests.weblog import SAMPLE_LOGS

LOG = SAMPLE_LOGS / "combined.log"


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ((LOG, "--top", "3"), f"to report on a log, write `apilog report {LOG} --top 3`"),
        (("gone.log",), "write `apilog report gone.log`"),
        (("my logs/*.gz",), "write `apilog report 'my logs/*.gz'`"),
        (("s3://bucket/x",), "write `apilog report s3://bucket/x`"),
        (("-",), "write `apilog report -`"),
        (("reprot",), "did you mean report or export?"),
        (("store", "prun", "s"), "did you mean prune?"),
        (("report",), "as in `cat access.log | apilog report -`"),
        (("check", "-t", "error_rate < 1%"), "as in `apilog check access.log -t"),
        (("watch",), "as in `apilog watch /var/log/nginx/access.log`"),
        (("query", "SELECT * FROM requests"), 'GROUP BY route" -`'),
        (("export", LOG), "give it as in `apilog export store/ --to reports/`"),
        (("store", "prune"), "give it as in `apilog store prune store/ --keep 400d"),
        (("check", LOG, "--fail-on", "error_rate < 1%"), "here it is --threshold; see"),
        (("report", LOG, "--from", "yesterday"), "here it is --since; see"),
        (("report", LOG, "--json"), "here it is --format json; see"),
        (("report", LOG, "--limit=5"), "here it is --top; see"),
        (("check", LOG, "--min-requets", "3"), "did you mean --min-requests"),
        (("report", LOG, "-o"), "see `apilog report --help`"),
        (("report", LOG, "-f", "JSON"), "did you mean json or ndjson?"),
        (("report", LOG, "-f", "excel"), "did you mean xlsx?"),
        (("report", LOG, "--output-format", "csv"), "here it is --format"),
        (("report", LOG, "--since", "-7d"), "ages have no sign: write 7d"),
        (("compare", LOG, "--a", "1st to 2nd", "--b", "today"), "as in 2026-11-01..2026-11-07"),
        (("report", LOG, "--by", "route method"), "separate several with commas: route,method"),
        (("report", LOG, "--columns", "p95"), "did you mean latency_p95_ms?"),
        (("report", LOG, "--columns", "count"), "did you mean requests?"),
        (("report", LOG, "--where", "status in 500, 502"), "write status IN (500, 502)"),
        (("report", LOG, "-l", "nginx"), "nginx may write combined, main, "),
        (("formats", "apache"), "apache may write combined, common, "),
        (("report", "~/gone.log"), "a home folder for ~ only outside of quotes"),
        (("report", "s3:/bucket/key"), "write s3://bucket/name"),
        (("check", LOG, "-t", "errors < 1%"), "write the number alone, or error_rate < 1%"),
        (("check", LOG, "-t", "error_rate < 0,5%"), "write 0.5 with a point"),
        (("check", LOG, "-t", "error_rate =< 1%"), "write <= or >="),
        (("check", LOG, "-t", "errors < 1 and requests > 2"), "a -t of its own"),
        (("check", LOG, "-t", "errors{route=/a} < 1"), 'in double quotes: {route="'),
        (("ingest", LOG, "--store", LOG), "name a folder that is new or empty"),
        (("export", LOG, "--to", LOG), "a part of the path is a file: name a folder"),
        (("config", "check", "a.toml"), "as in `apilog config check --config FILE`"),
        (("--quiet", "report", LOG), "options stand after the command"),
        (("help", "report"), "write `apilog report --help`"),
        (("version",), "write `apilog --version`"),
        (("schema", "statsu"), "did you mean status?"),
        (("schema", "report"), "`apilog schema --json report`"),
        (("schema", "latency_p95"), "it is a metric: `apilog metrics latency_p95`"),
        (("schema", "status", "--json", "report"), "leave out the column or --json"),
        (("metrics", "status"), "it is a column: `apilog schema status`"),
        (("metrics", "error_rat"), "did you mean error_rate"),
        (("report", LOG, "--since", "2026-11-22", "--until", "2026-11-20"), "the wrong way round"),
        (("report", LOG, "--since", "2026-11-22", "--until", "2026-11-22"), "is exclusive"),
        (("report", LOG, "--bucket", "5 minutes"), "write 5m"),
        (("report", LOG, "--where", "status => 500"), "write >= for at least"),
        (("report", LOG, "--where", " "), 'such as "status >= 500'),
        (("compare", LOG, "--by", "method"), "here it is --split COLUMN=a,b; see"),
        (("compare", LOG, "--a", "GET", "--b", "POST"), "--split COLUMN=GET,POST"),
        (("formats", "ngnix"), "did you mean nginx"),
        (("formats", "ngnix", "--template"), "did you mean nginx?"),
        (("formats", "combined", "--template"), "name one of aiohttp, akamai"),
        (("query", "SELECT * FROM requests WHERE status = '200'", LOG), "stands without quotes"),
        (("man", "report"), "one page about all commands"),
        (("report", LOG, "--last", "7d"), "here it is --since; see"),
        (("report", LOG, "--since", "9999-12-31T23:59", "--tz", "America/Lima"), "1900 to 2261"),
        (("check", LOG, "--junit", "x.xml", "-t", "errors < 1"), "here it is --format junit"),
        (("check", LOG, "-t", "availability > 99.9%"), "such as server_error_rate < 0.1%"),
        (("check", LOG, "-t", "5xx < 1%"), "server_error_rate for 5xx"),
        (("report", LOG, "--config", "gone.toml"), "`apilog init` writes such a file"),
        (("success", LOG, "--accounts", LOG), "has to name the columns, `account` among them"),
    ],
)
def test_what_newcomers_write_is_answered_with_what_to_write(
    run: Run, argv: tuple[str, ...], hint: str
) -> None:
    done = run(*argv)
    error, advice = done.stderr.splitlines()
    assert (done.code, done.stdout) == (2, b"")
    assert error.startswith("apilog: error: ")
    assert advice.startswith("hint: ")
    assert hint in advice


def test_what_a_hint_about_a_log_says_works(run: Run) -> None:
    advice = run(LOG, "--top", "3").stderr.splitlines()[1]
    words = advice.partition("`apilog ")[2].rstrip("`").split()
    assert run(*words).code == 0


def test_options_of_other_tools_are_none_here(run: Run) -> None:
    known = {option for options in _OTHER_OPTIONS.values() for option in options.values()}
    text = "".join(run(name, "--help").text for name in ("report", "check", "compare"))
    assert {option for option in known if f" {option} " not in text} == set()
    assert {"report", "check"} <= dict(COMMANDS).keys()


def test_a_control_character_in_a_word_is_escaped(run: Run) -> None:
    assert "\x1b" not in run("\x1b[2J.log").stderr


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--top", "0"), "invalid value for '--top': it must be 1 or more"),
        (("--top", "ten"), "invalid value for '--top': it must be a whole number, such as 10"),
        (("--max-routes", "1.5"), "it must be a whole number"),
    ],
)
def test_values_are_refused_in_words_of_our_own(
    run: Run, options: tuple[str, ...], error: str
) -> None:
    said = run("report", LOG, *options).stderr.splitlines()[0]
    assert error in said
    assert "Input should" not in said
