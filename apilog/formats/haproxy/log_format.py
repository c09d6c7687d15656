"""HAProxy's `log-format` strings, as log formats of the nginx family.

Source: https://docs.haproxy.org/3.2/configuration.html#8.2.6
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from apilog.errors import UsageError
from apilog.formats.nginx.grammar import FormatPart, FormatVariable, LiteralText, LogFormat
from apilog.text import did_you_mean

_ALIAS = re.compile(
    r"%(?:(?P<percent>%)"
    r"|(?:\((?P<title>[^)]*)\))?(?:\{(?P<flags>[^}]*)\})?"
    r"(?:\[(?P<expression>(?:[^\]\\'\"]|\\.|'[^']*'|\"[^\"]*\")*)\]|(?P<name>[A-Za-z]+)))"
)
_ESCAPED_BLANK = re.compile(r"\\([ \"\\#'])")

_VARIABLES: Mapping[str, str] = {
    "B": "bytes_read",
    "CC": "request_cookie",
    "CS": "response_cookie",
    "H": "hostname",
    "HM": "request_method",
    "HP": "request_uri",
    "HPO": "request_uri",
    "HQ": "marked_query",
    "HU": "request_uri",
    "HV": "server_protocol",
    "ID": "request_id_any",
    "ST": "status",
    "T": "time_local",
    "Ta": "active_time_ms",
    "Tc": "connect_time_ms",
    "Td": "data_time_ms",
    "Th": "handshake_time_ms",
    "Ti": "idle_time_ms",
    "Tl": "time_local",
    "Tq": "receive_time_ms",
    "TR": "receive_time_ms",
    "Tr": "server_time_ms",
    "Ts": "time_any",
    "Tt": "active_time_ms",
    "Tu": "user_time_ms",
    "Tw": "queue_time_ms",
    "U": "bytes_uploaded",
    "ac": "connections",
    "b": "backend_name",
    "bc": "backend_connections",
    "bi": "backend_source_addr",
    "bp": "backend_source_port",
    "bq": "backend_queue",
    "ci": "remote_addr",
    "cp": "client_port",
    "f": "frontend_name",
    "fc": "frontend_connections",
    "fi": "server_addr",
    "fp": "server_port",
    "ft": "frontend_name",
    "hr": "captures",
    "hrl": "capture_list",
    "hs": "captures",
    "hsl": "capture_list",
    "lc": "log_counter",
    "ms": "millisecond",
    "pid": "pid",
    "r": "request",
    "rc": "retries",
    "rt": "request_count",
    "s": "upstream_server",
    "sc": "server_connections",
    "si": "upstream_ip",
    "sp": "upstream_port",
    "sq": "server_queue",
    "sslc": "ssl_cipher",
    "sslv": "ssl_protocol",
    "t": "time_unzoned",
    "tr": "time_unzoned",
    "trg": "time_local",
    "trl": "time_local",
    "ts": "termination_state",
    "tsc": "termination_state",
    # Before 1.5 these began with capital letters, or had none.
    "Ci": "remote_addr",
    "Cp": "client_port",
    "Fi": "server_addr",
    "Fp": "server_port",
    "Si": "upstream_ip",
    "Sp": "upstream_port",
    "cc": "request_cookie",
    "cs": "response_cookie",
    "st": "status",
}
"""What a variable of HAProxy is in nginx's terms, or in apilog's own."""

_QUOTED = frozenset(
    {"CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "ID", "b", "f", "ft", "r", "s"}
    | {"cc", "cs", "hr", "hs", "H", "sslc", "sslv"}
)
"""What stands in quotes under the flag Q: the texts, and not the numbers, times and addresses."""

_HEADER = re.compile(
    r"(?:capture\.)?(?:req|request)\.f?hdr(?:_ip)?\(([A-Za-z][A-Za-z0-9_-]*)(?:,-?\d+)?\)"
)
_ANSWERED = re.compile(
    r"(?:capture\.)?(?:res|response)\.f?hdr\(([A-Za-z][A-Za-z0-9_-]*)(?:,-?\d+)?\)"
)
# A header can only be logged by way of a variable, which mostly goes by its name.
_HELD = re.compile(r"var\((?:txn|sess|req|res|proc)\.([A-Za-z][A-Za-z0-9_.]*)\)")
_SAMPLES: Mapping[str, str] = {
    "method": "request_method",
    "path": "request_uri",
    "pathq": "request_uri",
    "url": "request_uri",
    "capture.req.method": "request_method",
    "capture.req.uri": "request_uri",
    "capture.req.ver": "server_protocol",
    "src": "remote_addr",
    "src_port": "client_port",
    "status": "status",
    "txn.status": "status",
    "unique-id": "request_id_any",
    "fe_name": "frontend_name",
    "be_name": "backend_name",
    "srv_name": "upstream_server",
    "ssl_fc_sni": "ssl_server_name",
    "ssl_fc_protocol": "ssl_protocol",
    "ssl_fc_cipher": "ssl_cipher",
    "bytes_out": "bytes_read",
    "bytes_in": "bytes_uploaded",
    "res.timer.hdr": "server_time_ms",
    "txn.timer.total": "active_time_ms",
}
"""What a sample expression is, without its converters."""


def is_haproxy_string(string: str) -> bool:
    """Return whether a text is meant as a `log-format`, by the variables that it has.

    Apache's directives are letters behind a percent sign as well: of one letter alone, so that
    several names of two letters are none of them.
    """
    matches = [*_ALIAS.finditer(string)]
    names = [_known_name(m["name"]) for m in matches if m["name"]]
    long = {name for name in names if len(name) > 1}
    is_sampled = any(m["expression"] for m in matches)
    return len(long) > 1 or (all(names) and (is_sampled or bool(long)))


def _known_name(letters: str) -> str:
    """Return the longest variable that letters begin with; empty if there is none."""
    ends = range(len(letters), 0, -1)
    return next((letters[:end] for end in ends if letters[:end] in (*_VARIABLES, "o")), "")


def parse_haproxy_format(string: str) -> LogFormat:
    """Parse a `log-format`, alone or as the directive that stands in haproxy.cfg.

    Raises `UsageError` for a variable that HAProxy does not have.

    >>> parse_haproxy_format('%ci:%cp [%tr] %ft %b/%s %TR/%Tr/%Ta %ST %hr %{+Q}r').string[:24]
    '$remote_addr:$client_por'
    """
    string = _unwrap_directive(string)
    parts: list[FormatPart] = []
    end = 0
    is_all_quoted = False
    for match in _ALIAS.finditer(string):
        if match.start() > end:
            parts.append(LiteralText(string[end : match.start()]))
        end = match.end()
        if match["percent"]:
            parts.append(LiteralText("%"))
            continue
        flags = match["flags"] or ""
        name = _known_name(match["name"]) if match["name"] else ""
        if name == "o":
            is_all_quoted = "+Q" in flags
            end = match.start("name") + 1
            continue
        if match["name"]:
            if not name:
                raise _unknown(match["name"])
            end = match.start("name") + len(name)
        is_quoted = "+Q" in flags or (is_all_quoted and "-Q" not in flags)
        is_quoted = is_quoted and (not name or name in _QUOTED)
        variable = _VARIABLES[name] if name else _sample_variable(match["expression"])
        value = FormatVariable(variable)
        parts += [LiteralText('"'), value, LiteralText('"')] if is_quoted else [value]
    if end < len(string):
        parts.append(LiteralText(string[end:]))
    if not any(isinstance(part, FormatVariable) for part in parts):
        raise UsageError(
            f"log format {string!r} has no variable in it", "such as %ci, %tr, %ST, %Ta"
        )
    if isinstance(parts[0], LiteralText):
        parts[0] = LiteralText(parts[0].text.lstrip(" "))  # behind flags for all that follows
    return LogFormat(tuple(_close_gaps(parts)), "haproxy")


_SERVER_ADDRESS = (FormatVariable("upstream_ip"), LiteralText(":"), FormatVariable("upstream_port"))

_DIRECTIVE = re.compile(r"\s*(?:error-)?log-format(?:-sd)?\s+(?P<rest>.*?)\s*\Z", re.DOTALL)


def _unwrap_directive(string: str) -> str:
    directive = _DIRECTIVE.match(string)
    if directive is None:
        return _ESCAPED_BLANK.sub(r"\1", string).strip()
    text = directive["rest"]
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1]).strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].strip()
    return _ESCAPED_BLANK.sub(r"\1", text).strip()


def _unknown(name: str) -> UsageError:
    near = did_you_mean(f"%{name}", [f"%{known}" for known in _VARIABLES])
    return UsageError(
        f"HAProxy's log-format has no variable %{name}",
        near or "a percent sign itself is written %%",
    )


def _sample_variable(expression: str) -> str:
    """Return the variable of a sample expression, which may have converters behind commas."""
    text = expression.strip()
    if header := _HEADER.match(text) or _HELD.match(text):
        return f"http_{_identifier(header[1])}"
    if header := _ANSWERED.match(text):
        return f"sent_http_{_identifier(header[1])}"
    fetch = re.split(r"[,(]", text, maxsplit=1)[0]
    if fetch in _SAMPLES:
        return _SAMPLES[fetch]
    return f"sample_{_identifier(text)}"


def _identifier(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _close_gaps(parts: Sequence[FormatPart]) -> list[FormatPart]:
    """Join texts; captures that may be missing take the blank behind them along."""
    joined: list[FormatPart] = []
    for part in parts:
        if part == FormatVariable("captures") and joined and joined[-1] == part:
            continue
        text = part.text if isinstance(part, LiteralText) else ""
        if isinstance(part, LiteralText) and not text:
            continue
        if text and joined and joined[-1] == FormatVariable("captures"):
            text = text.removeprefix(" ")
            if not text:
                continue
        if text and joined and isinstance(joined[-1], LiteralText):
            joined[-1] = LiteralText(joined[-1].text + text)
        else:
            joined.append(LiteralText(text) if text else part)
        if tuple(joined[-3:]) == _SERVER_ADDRESS:
            joined[-3:] = [FormatVariable("server_addr_port")]
    return joined
