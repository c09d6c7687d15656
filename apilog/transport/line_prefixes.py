"""Envelopes that show where a line begins: CRI, compose, kubectl, quotes, names of programs."""

from __future__ import annotations

import string

import polars as pl

from apilog.transport.envelope import (
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    UnwrappedEvents,
    holds_access_lines,
    is_mostly_true,
    unwrap_lines,
    unwrap_pieces,
)
from apilog.transport.syslog import keep_access_lines
from apilog.values.times import parse_iso_times, parse_times

_TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_RUNTIME_TIME = _TIME.replace("[0-9]+)?", "[0-9]{7,})")
"""As container runtimes write it: in nanoseconds, which no server's own time has."""
_NAME_CHARACTERS = string.ascii_letters + string.digits + "._-"
_CRI = rf"^{_TIME} (?:stdout|stderr) [FP](?::\S*)? ?"
_CRI_PARTIAL = rf"^{_TIME} std(?:out|err) P"
_CRI_ERRORS = rf"^{_TIME} stderr"
# What Docker names a service, a runner of a Procfile a process (foreman after the time of day),
# supervisor-stdout a process and its stream, kubectl a container, and stern a container of a
# deployment's pod: https://github.com/stern/stern
_SERVICE = (
    r"(?:[0-9]{2}:[0-9]{2}:[0-9]{2} )?"
    r"[A-Za-z0-9._-]*[A-Za-z_][A-Za-z0-9._-]*(?: std(?:out|err))? +\|"
)
_CONTAINER = r"\[pod/[^\] ]+\]|[a-z0-9][a-z0-9.-]*-[a-z0-9]{6,10}-[a-z0-9]{5} [a-z][a-z0-9-]*"
_COMPOSE = rf"^(?:{_SERVICE}|{_CONTAINER}) (?:{_RUNTIME_TIME} )?"
CONTAINER_NAME = rf"^({_SERVICE}|{_CONTAINER}) "
"""What every line of one of several containers begins with."""
_BEGINS_AS_ACCESS = r"^(?:[0-9A-Fa-f:.]{7,}|\{)"
"""How a line of an access log begins, be it whole or cut off."""
_STAMPED = rf"^{_TIME}[ \t]+"
_FINE_TIME = r"^[^ \t.]{19}\.[0-9]{7,}"
"""With more digits than a server writes, but as container runtimes do: nanoseconds."""
_OWN_TIME = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:|^\s*\{|^\[?[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]"
_QUOTE_NOT_DOUBLED = r'^(?:[^"]|"")*"(?:[^"]|$)'
_QUOTE_NOT_ESCAPED = r'^(?:[^"\\]|\\.)*"'
_SINGLE_QUOTED = r"^'(\{.*\})'$"
_LAST_QUOTE_ESCAPED = r"^(?:[^\\]|\\.)*\\$"


def unwrap_cri(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after `time stream tag`; pieces (tag P) are joined."""
    texts = _strip_prefix(_CRI, lines)
    complete = ~lines.str.contains(_CRI_PARTIAL)
    if complete.all():
        return unwrap_lines(texts)
    return unwrap_pieces(texts, lines.str.contains(_CRI_ERRORS), complete)


def unwrap_compose(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after `container  | `, `[pod/name/container] ` or `pod container `.

    All services write into one stream, as all programs do into syslog's.
    """
    return unwrap_lines(keep_access_lines(*_split_compose(lines)))


def is_of_another_container(lines: pl.Series) -> pl.Series:
    """Return which lines are of a container that is no web server, and no access lines."""
    is_prefixed = lines.str.contains(CONTAINER_NAME)
    rows = is_prefixed.arg_true()
    if not len(rows):
        return is_prefixed
    names, texts = _split_compose(lines.gather(rows))
    is_other = keep_access_lines(names, texts).is_null()
    is_cut = texts.str.contains(_BEGINS_AS_ACCESS).fill_null(value=False)
    return is_prefixed.scatter(rows, texts.is_not_null() & is_other & ~is_cut)


def _split_compose(lines: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return containers and texts, null where the line is of none."""
    return lines.str.extract(CONTAINER_NAME, 1), _strip_prefix(_COMPOSE, lines)


def unwrap_stamped(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after a time."""
    return unwrap_lines(_strip_prefix(_STAMPED, lines))


def _are_stamped(head: pl.Series) -> bool:
    """Return whether lines were stamped, and do not begin with their own time."""
    texts = _strip_prefix(_STAMPED, head)
    stamped = head.str.contains(_FINE_TIME) | texts.str.contains(_OWN_TIME)
    return holds_access_lines(texts.set(~stamped, None).drop_nulls(), head)


def unwrap_quotes(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap lines that are one quoted string, its inner quotes doubled or escaped.

    Single quotes are taken off an object alone, as literal ones around a format leave them.
    """
    objects = lines.str.extract(_SINGLE_QUOTED, 1)
    if objects.null_count() < len(lines):
        quoted = _unquote(lines)
        return unwrap_lines(objects.fill_null(quoted))
    return unwrap_lines(_unquote(lines))


def _unquote(lines: pl.Series) -> pl.Series:
    """Return what stands in the double quotes around lines; null for other lines."""
    quoted = lines.str.starts_with('"') & lines.str.ends_with('"')
    inner = lines.str.slice(1).str.strip_suffix('"').set(~quoted, None)
    undoubled = inner.str.replace_all('""', '"', literal=True)
    is_escaped = inner.str.contains(_QUOTE_NOT_DOUBLED).fill_null(False)
    if not is_escaped.any():
        return undoubled
    broken = inner.str.contains(_QUOTE_NOT_ESCAPED) | inner.str.contains(_LAST_QUOTE_ESCAPED)
    unescaped = inner.str.replace_all(r'\\(["\\])', "$1").set(broken.fill_null(True), None)
    return unescaped.zip_with(is_escaped, undoubled)


def _strip_prefix(prefix: str, lines: pl.Series) -> pl.Series:
    """Return the lines after the prefix; null for those that do not start with it."""
    rest = lines.str.replace(prefix, "")
    return rest.set(rest.str.len_bytes() == lines.str.len_bytes(), None)


CRI = Envelope(
    name="cri",
    title="Kubernetes container log (CRI)",
    unwrap=unwrap_cri,
    first_characters=string.digits,
    detect=lambda head: is_mostly_true(head.str.contains(_CRI)),
    times=lambda lines: parse_iso_times(lines.str.extract(rf"^({_TIME}) ", 1)),
    joins_lines=True,
    samples=(
        EnvelopeSample(
            (
                f"2026-10-10T13:55:36.123456789Z stdout F {SAMPLE_LINE}",
                f"2026-10-10T13:55:36.123456789Z stdout P {SAMPLE_LINE[:40]}",
                "2026-10-10T13:55:36.123456790Z stderr F oops",
                f"2026-10-10T13:55:36.123456791+02:00 stdout F {SAMPLE_LINE[40:]}",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, "oops"),
        ),
    ),
)

COMPOSE = Envelope(
    name="compose",
    title="docker compose logs, kubectl logs --prefix, stern, foreman, supervisor-stdout",
    unwrap=unwrap_compose,
    first_characters=_NAME_CHARACTERS + "[",
    detect=lambda head: holds_access_lines(unwrap_compose(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                f"web-1  | {SAMPLE_LINE}",
                f"web-1  | 2026-10-10T13:55:36.123456789Z {SAMPLE_LINE}",
                f"[pod/web-7d4b9c6f5d-x2x9z/nginx] {SAMPLE_LINE}",
                f"web-7d4b9c6f5d-x2x9z nginx {SAMPLE_LINE}",
                f"10:00:00 web.1  | {SAMPLE_LINE}",
                f"shop stdout | {SAMPLE_LINE}",
                "shop-1 | listening",
            ),
            (SAMPLE_LINE,) * 6,
        ),
    ),
)

STAMPED = Envelope(
    name="stamped",
    # https://docs.docker.com/reference/cli/docker/container/logs/
    # https://kubernetes.io/docs/reference/kubectl/generated/kubectl_logs/
    title="docker logs -t, kubectl logs --timestamps, Grafana's logs as text",
    unwrap=unwrap_stamped,
    first_characters=string.digits,
    detect=_are_stamped,
    times=lambda lines: parse_iso_times(lines.str.extract(rf"^({_TIME})[ \t]", 1)),
    samples=(
        EnvelopeSample(
            (
                f"2026-10-10T13:55:36.123456789Z {SAMPLE_LINE}",
                f"2026-10-10T13:55:36.123Z\t{SAMPLE_LINE}",
                f"2026-10-10T15:55:36+02:00 {SAMPLE_LINE}",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)

_PM2 = r"^[0-9]+\|[^|\"]{1,40}\| "
_PM2_TIMED = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?: ?[+-][0-9]{2}:?[0-9]{2}|Z)?): "
)


def unwrap_pm2(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after `0|name  | `."""
    return unwrap_lines(_strip_prefix(_PM2, lines))


def unwrap_pm2_timed(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after a time and a colon."""
    return unwrap_lines(_strip_prefix(_PM2_TIMED, lines))


# https://pm2.keymetrics.io/docs/usage/log-management/
PM2 = Envelope(
    name="pm2",
    title="pm2 logs",
    unwrap=unwrap_pm2,
    first_characters=string.digits,
    detect=lambda head: holds_access_lines(unwrap_pm2(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                f"0|shop     | {SAMPLE_LINE}",
                f"12|cart    | {SAMPLE_LINE}",
                "0|shop     | listening on port 3000",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, "listening on port 3000"),
        ),
    ),
)

PM2_TIMED = Envelope(
    name="pm2-time",
    title="pm2 --time",
    unwrap=unwrap_pm2_timed,
    first_characters=string.digits,
    detect=lambda head: holds_access_lines(unwrap_pm2_timed(head).texts["text"], head),
    times=lambda lines: parse_times(lines.str.extract(_PM2_TIMED, 1)),
    samples=(
        EnvelopeSample(
            (
                f"2026-10-10T13:55:36: {SAMPLE_LINE}",
                f"2026-10-10 13:55:36 +00:00: {SAMPLE_LINE}",
                "2026-10-10T13:55:37: listening on port 3000",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, "listening on port 3000"),
        ),
    ),
)

QUOTES = Envelope(
    name="quoted",
    title="lines wrapped whole in quotes",
    unwrap=unwrap_quotes,
    first_characters="\"'",
    detect=lambda head: holds_access_lines(unwrap_quotes(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                '"' + SAMPLE_LINE.replace('"', '""') + '"',
                '"' + SAMPLE_LINE.replace('"', r"\"") + '"',
                '"/a" "GET"',
                """'{"status": 200}'""",
            ),
            (SAMPLE_LINE, SAMPLE_LINE, '{"status": 200}'),
        ),
    ),
)


_PROGRAM_TAG = (
    r"^(?:[A-Za-z0-9_.-]+ )?([A-Za-z0-9_.@/+-]*[A-Za-z][A-Za-z0-9_.@/+-]*)(?:\[[0-9]+\])?: "
)
_NO_PROGRAMS = ("unix", "requestId", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""An address, a key and levels, although a colon follows them."""


def unwrap_tagged(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the texts after `program: ` or `host program[1]: `.

    Only those of web servers, and others that look like an access line.
    """
    tags = lines.str.extract(_PROGRAM_TAG, 1)
    inside = tags.is_not_null() & ~tags.is_in(_NO_PROGRAMS).fill_null(value=False)
    return unwrap_lines(
        keep_access_lines(tags, lines.str.replace(_PROGRAM_TAG, "").set(~inside, None))
    )


TAGGED = Envelope(
    name="tagged",
    title="lines after the name of their program",
    unwrap=unwrap_tagged,
    first_characters=_NAME_CHARACTERS + "@/+",
    detect=lambda head: holds_access_lines(unwrap_tagged(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                f"nginx: {SAMPLE_LINE}",
                f"web1 nginx[4711]: {SAMPLE_LINE}",
                "web1 sshd[812]: Accepted publickey for root",
            ),
            (SAMPLE_LINE, SAMPLE_LINE),
        ),
    ),
)
