"""Whose address `client_ip` is: by the lines of a log, and as the user says."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import apilog
from apilog.formats.own.client_address import choose_client, find_forwarded, find_named
from apilog.values.addresses import are_inner_addresses, first_addresses
from tests.commands import Run
from tests.weblog import line, write

MANY = [f"198.51.100.{n}" for n in range(20, 32)]
PROXIES = ["192.0.2.1", "192.0.2.2"]


def log_of(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """Lines of combined and X-Forwarded-For, with these addresses."""
    texts = (line(ip=peer, after=i) + f' "{told}"' for i, (peer, told) in enumerate(pairs))
    return write(path, texts)


def clients(path: Path, **options: object) -> list[str | None]:
    frame = apilog.scan(path, **options).select("client_ip").collect()  # type: ignore[arg-type]
    return frame["client_ip"].to_list()


def doubts(path: Path, **options: object) -> tuple[str, ...]:
    return apilog.detect(path, **options).files[0].doubts  # type: ignore[arg-type]


def test_behind_an_inner_proxy_the_forwarded_address_is_the_clients(tmp_path: Path) -> None:
    path = log_of(
        tmp_path / "a.log",
        [("10.0.0.1", "203.0.113.9, 10.0.0.1"), ("10.0.0.2", "-"), ("10.0.0.1", "203.0.113.7")],
    )
    # A request without the header has come to the proxied server itself.
    assert clients(path) == ["203.0.113.9", "10.0.0.2", "203.0.113.7"]
    (doubt,) = doubts(path)
    assert "`http_x_forwarded_for` is taken" in doubt
    assert "--client-ip remote-addr" in doubt


def test_few_addresses_for_many_are_those_of_proxies(tmp_path: Path) -> None:
    pairs = [(PROXIES[i % 2], told) for i, told in enumerate(MANY)]
    path = log_of(tmp_path / "a.log", pairs)
    assert clients(path) == MANY
    assert "2 addresses for 12" in doubts(path)[0]


def test_clients_that_claim_another_address_are_not_believed(tmp_path: Path) -> None:
    pairs = [(peer, f"203.0.113.{i}") for i, peer in enumerate(MANY)]
    path = log_of(tmp_path / "a.log", pairs)
    assert clients(path) == MANY
    assert "`remote_addr` is taken" in doubts(path)[0]
    few = [(peer, "10.9.9.9" if i == 3 else "-") for i, peer in enumerate(MANY)]
    path = log_of(tmp_path / "b.log", few)
    assert clients(path) == MANY
    assert doubts(path) == ()


def test_the_same_address_twice_leaves_no_doubt(tmp_path: Path) -> None:
    path = log_of(tmp_path / "a.log", [(ip, f"{ip}, 10.0.0.1") for ip in MANY])
    assert clients(path) == MANY
    assert doubts(path) == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("remote-addr", ["10.0.0.1", "10.0.0.2"]),
        ("x-forwarded-for", ["203.0.113.9", "10.0.0.2"]),
        ("X-Forwarded-For", ["203.0.113.9", "10.0.0.2"]),
        ("http_x_forwarded_for", ["203.0.113.9", "10.0.0.2"]),
    ],
)
def test_the_user_says_which_it_is(tmp_path: Path, name: str, expected: list[str]) -> None:
    path = log_of(tmp_path / "a.log", [("10.0.0.1", "203.0.113.9"), ("10.0.0.2", "-")])
    assert clients(path, client_ip=name) == expected
    assert doubts(path, client_ip=name) == ()


def test_an_address_that_no_line_has_is_said(tmp_path: Path) -> None:
    path = log_of(tmp_path / "a.log", [("10.0.0.1", "203.0.113.9")])
    (doubt,) = doubts(path, client_ip="x-real-ip")
    assert "no line looked at has an address by the name of `--client-ip x-real-ip`" in doubt
    with pytest.raises(apilog.UsageError, match="--client-ip is empty"):
        clients(path, client_ip=" ")


def test_without_an_address_of_the_connection_a_proxys_word_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("1700000000.5|198.51.100.7:5100|-|/a|200\n1700000001.5|-|203.0.113.8|/b|200\n")
    string = "$msec|$proxy_protocol_addr|$http_x_forwarded_for|$uri|$status"
    assert clients(path, log_format=string) == ["198.51.100.7", "203.0.113.8"]


def test_in_json_that_a_string_describes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        '{"t":"1700000000.5","a":"10.1.1.1","x":"198.51.100.7, 10.1.1.1","u":"/a","s":"200"}\n'
        '{"t":"1700000001.5","a":"10.1.1.1","x":"198.51.100.8","u":"/a","s":"200"}\n'
    )
    string = '{"t":"$msec","a":"$remote_addr","x":"$http_x_forwarded_for","u":"$uri","s":"$status"}'
    assert clients(path, log_format=string) == ["198.51.100.7", "198.51.100.8"]
    assert clients(path, log_format=string, client_ip="remote-addr") == ["10.1.1.1", "10.1.1.1"]


def test_the_command_and_the_configuration(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log_of(tmp_path / "a.log", [("10.0.0.1", "203.0.113.9"), ("10.0.0.2", "203.0.113.7")])
    monkeypatch.chdir(tmp_path)

    def asked(*options: str) -> list[str]:
        sql = "SELECT client_ip FROM requests"
        return run("query", sql, path, "-f", "csv", *options).text.split()[1:]

    assert asked() == ["203.0.113.9", "203.0.113.7"]
    assert asked("--client-ip", "remote-addr", "--anonymize-ip") == ["10.0.0.0", "10.0.0.0"]
    (tmp_path / "apilog.toml").write_text('[defaults]\nclient_ip = "remote-addr"\n')
    assert asked() == ["10.0.0.1", "10.0.0.2"]
    assert asked("--client-ip", "x-forwarded-for") == ["203.0.113.9", "203.0.113.7"]
    other = tmp_path / "other.toml"
    other.write_text("")
    assert asked("--config", str(other)) == ["203.0.113.9", "203.0.113.7"]
    (tmp_path / "apilog.toml").write_text("\n[defaults]\nclient_up = 'x'\n")
    refused = run("report", path)
    assert refused.code == 2
    assert "apilog.toml:3:1: defaults.client_up is no setting" in refused.stderr
    assert "did you mean client_ip?" in refused.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:5100, 10.0.0.1", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "::ffff:203.0.113.9"),
        ('["203.0.113.9", "10.0.0.1"]', "203.0.113.9"),
        ("for=192.0.2.43;proto=https, for=198.51.100.17", "192.0.2.43"),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ("unknown, 203.0.113.9", "203.0.113.9"),
        ("host.example", "host.example"),
        ("unknown", None),
        ("-", None),
        ("", None),
        ("two words", None),
    ],
)
def test_the_first_address_of_a_list(text: str, expected: str | None) -> None:
    assert first_addresses(pl.Series([text, None])).to_list() == [expected, None]


@given(st.lists(st.text(alphabet='0123456789abcdef.:[], %"=', max_size=40), max_size=6))
def test_any_text_has_an_address_or_none(texts: list[str]) -> None:
    series = pl.Series(texts, dtype=pl.String)
    assert len(first_addresses(series)) == len(are_inner_addresses(series)) == len(texts)


def test_names_of_fields() -> None:
    keys = ["request.headers.X-Forwarded-For", "http_cf_connecting_ip", "remoteAddr", "realIp"]
    assert find_forwarded(keys) == ["http_cf_connecting_ip", "realIp", keys[0]]
    assert find_named("x-forwarded-for", keys) == ("request.headers.X-Forwarded-For",)
    assert find_named("remote-addr", keys) == ("remoteAddr",)
    assert find_named("x-real-ip", keys) == ("realIp",)
    assert find_named("nothing", keys) == ()
    assert choose_client(None, keys[2:3], keys[2:3], lambda _: {}) is None
