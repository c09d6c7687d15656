"""--nginx-conf: the log formats of a configuration, whatever else stands in it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import apilog
from apilog.errors import InputError
from apilog.formats.nginx.conf import AccessLogDirective, read_conf
from apilog.formats.nginx.format import JsonTemplateFormat, NginxFormat
from apilog.formats.nginx.library import NGINX_FORMATS

COMBINED = next(f for f in NGINX_FORMATS if f.name == "combined")


def conf(folder: Path, text: str, name: str = "nginx.conf") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def strings(path: Path) -> dict[str, str]:
    """Names of formats to their strings."""
    return {
        f.name: f.log_format.string for f in read_conf(path).formats if isinstance(f, NginxFormat)
    }


def test_formats_that_are_used_in_their_order(tmp_path: Path) -> None:
    path = conf(
        tmp_path,
        """
        events {}
        http {
            log_format first '$a $b';
            log_format unused '$c';
            log_format second escape=none "$d|" "$e";
            access_log logs/access.log second;
            server { access_log /var/log/a.log first buffer=32k flush=5s; }
            server { location / { access_log /var/log/b.log second if=$loggable; } }
        }
        """,
    )
    found = read_conf(path)
    assert strings(path) == {"second": "$d|$e", "first": "$a $b"}
    assert [f.log_format.escape for f in found.formats if isinstance(f, NginxFormat)] == [
        "none",
        "default",
    ]
    assert found.access_logs == (
        AccessLogDirective("logs/access.log", "second"),
        AccessLogDirective("/var/log/a.log", "first"),
        AccessLogDirective("/var/log/b.log", "second"),
    )


@pytest.mark.parametrize(
    ("directives", "names", "logs"),
    [
        ("", ["combined"], []),
        ("access_log off;", ["combined"], []),
        ("access_log logs/access.log;", ["combined"], ["combined"]),
        ("access_log logs/access.log buffer=32k;", ["combined"], ["combined"]),
        ("access_log logs/access.log gzip=9 flush=5m;", ["combined"], ["combined"]),
        ("access_log syslog:server=10.0.0.1:514,tag=web;", ["combined"], ["combined"]),
        ("log_format own '$a'; access_log syslog:server=h own;", ["own"], ["own"]),
        ("log_format own '$a'; access_log off;", ["own"], []),
        ("log_format own '$a'; access_log x unknown;", ["own"], ["unknown"]),
        ("log_format combined '$a'; access_log x combined;", ["combined"], ["combined"]),
        ("log_format text 'no variable'; access_log x combined;", ["combined"], ["combined"]),
        ("log_format; access_log;", ["combined"], []),
    ],
)
def test_what_counts_as_used(
    tmp_path: Path, directives: str, names: list[str], logs: list[str]
) -> None:
    found = read_conf(conf(tmp_path, f"http {{ {directives} }}"))
    assert [f.name for f in found.formats] == names
    assert [log.format for log in found.access_logs] == logs


def test_a_format_of_ones_own_may_be_called_combined(tmp_path: Path) -> None:
    path = conf(tmp_path, "http { log_format combined '$a'; access_log x combined; }")
    assert strings(path) == {"combined": "$a"}
    assert read_conf(conf(tmp_path, "http {}")).formats == (COMBINED,)


def test_includes_relative_ones_globs_and_loops(tmp_path: Path) -> None:
    conf(tmp_path, "log_format one '$a'; include ../nginx.conf;", "conf.d/10-one.conf")
    conf(tmp_path, "log_format two '$b';", "conf.d/20-two.conf")
    conf(tmp_path, "log_format other '$c';", "conf.d/30-other.txt")
    conf(tmp_path, "server { access_log /a one; access_log /b three; }", "sites/default")
    conf(tmp_path, "log_format three '$d';", "formats.conf")
    path = conf(
        tmp_path,
        f"""
        http {{
            include {tmp_path}/formats.conf;
            include conf.d/*.conf;
            include nothing/*.conf;
            include sites/default;
            include missing.conf;
            access_log /c two;
        }}
        """,
    )
    assert strings(path) == {"one": "$a", "three": "$d", "two": "$b"}


def test_a_fragment_of_a_configuration_serves(tmp_path: Path) -> None:
    path = conf(tmp_path, "log_format own '$a'; server { access_log /a own; }", "site.conf")
    assert strings(path) == {"own": "$a"}


def test_logs_of_other_protocols_do_not_count(tmp_path: Path) -> None:
    conf(tmp_path, "log_format main '$protocol'; access_log /tcp main;", "stream.conf")
    path = conf(
        tmp_path,
        """
        stream { log_format main '$bytes_sent'; access_log /tcp main; include stream.conf; }
        http { log_format main '$status'; access_log /web main; }
        """,
    )
    assert strings(path) == {"main": "$status"}
    assert read_conf(path).access_logs == (AccessLogDirective("/web", "main"),)


def test_what_apilog_does_not_know_is_passed_over(tmp_path: Path) -> None:
    path = conf(
        tmp_path,
        """
        load_module modules/ngx_http_lua_module.so;
        user nginx; # a comment with { and "
        http {
            map $http_user_agent $is_bot { default 0; ~*bot|"crawl;er" 1; "~^x{2}" 2; }
            init_by_lua_block { local x = "}" ; if x then print('{ ;') end }
            set $unknown_variable "a b";
            some_unknown_directive with 'quoted { text' $and_variables;
            log_format own '$remote_addr $is_bot [$time_local] $status';
            access_log /var/log/own.log own;
        }
        """,
    )
    assert strings(path) == {"own": "$remote_addr $is_bot [$time_local] $status"}


def test_strings_quotes_and_backslashes(tmp_path: Path) -> None:
    path = conf(
        tmp_path,
        r"""
        http {
            log_format single 'it\'s "$a" ' "say \"$b\" " $c;
            log_format tabs '$a\t$b';
            log_format over
                '$a '
                '$b';
            access_log x single; access_log x tabs; access_log x over;
        }
        """,
    )
    assert strings(path) == {
        "single": 'it\'s "$a" say "$b" $c',
        "tabs": "$a\t$b",
        "over": "$a $b",
    }


def test_a_json_format(tmp_path: Path) -> None:
    path = conf(
        tmp_path,
        """http {
            log_format keys escape=json '{"t":"$time_iso8601",' '"s":$status}';
            access_log x keys;
        }""",
    )
    (log_format,) = read_conf(path).formats
    assert isinstance(log_format, JsonTemplateFormat)
    assert log_format.name == "keys"
    assert log_format.columns == {"timestamp", "status"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"http { log_format own '$a';", 'expecting "}"'),
        (b"}", 'unexpected "}"'),
        (b"http { log_format own '$a", "expecting"),
        (b"hello world\n", "no list of directives"),
        (b"key = value;\n", "no directive that says anything about logs"),
        (b'{"a": 1}', "no directive that says anything about logs"),
        (COMBINED.samples[0].encode(), "no list of directives"),
        (b"\x00\xff\xfe{{{", "no nginx configuration"),
    ],
)
def test_what_is_no_configuration_is_an_error_of_input(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "nginx.conf"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_conf(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_a_broken_include_is_named(tmp_path: Path) -> None:
    broken = conf(tmp_path, "server { ", "broken.conf")
    path = conf(tmp_path, "http { include broken.conf; access_log x combined; }")
    with pytest.raises(InputError, match="no nginx configuration") as caught:
        read_conf(path)
    assert str(broken) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.conf", "."])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no nginx configuration at"):
        read_conf(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = conf(tmp_path, "http {}")
    path.chmod(0)
    with pytest.raises(InputError):
        read_conf(path)


@given(
    st.binary(max_size=80) | st.text("{};'\"\\$# \nahttplog_format", max_size=60).map(str.encode)
)
def test_no_bytes_make_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(data)
    with suppress(InputError):
        assert read_conf(path).formats


def test_a_log_is_read_by_the_formats_of_its_configuration(tmp_path: Path) -> None:
    path = conf(
        tmp_path,
        """http {
            log_format slow '$status;$request_time;$msec;$request_method;$uri';
            log_format quick '$msec "$request" $status';
            access_log a slow; access_log a quick;
        }""",
    )
    log = tmp_path / "access.log"
    log.write_text('200;0.1;1700000000.5;GET;/a\n1700000001.0 "POST /b HTTP/1.1" 201\nwhat\n')
    report = apilog.report(log, nginx_conf=path)
    assert (report.input.records, report.input.rejects) == (2, 1)
    frame = apilog.scan(log, nginx_conf=path).select("method", "path", "status").collect()
    assert frame.rows() == [("GET", "/a", 200), ("POST", "/b", 201)]
    frame = apilog.scan(log, "slow", nginx_conf=path).select("path").collect()
    assert frame.rows() == [("/a",)]
