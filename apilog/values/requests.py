"""Request lines, targets and route keys, and texts that come with a request, a column at a time.

Functions that begin with `encode` take a column, those on lines, targets and keys distinct texts.

Invariant: a value that is missing (empty or a dash) is null, and a query string never comes out
with the values of its secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import polars as pl

from apilog.schema import JSON_RPC_PREFIX
from apilog.values.convert import blank_to_null, encode_given
from apilog.values.dictionary import (
    ColumnConverter,
    encode_texts,
    from_codes,
    hardly_repeats,
    map_categories,
)

_METHOD_TOKEN = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
_USUAL_PROTOCOLS = (" HTTP/1.1", " HTTP/2.0", " HTTP/1.0", " HTTP/3.0")
_TARGET_PROTOCOL = r"(?s)^(?<target>.*) (?<protocol>HTTP/[0-9](?:\.[0-9])?)$"
_SECRET_VALUE = (
    r"(?i)((?:^|[&;])(?:[^=&;]*(?:token|secret|passw|pwd|(?:api|subscription)[_-]?key|signature"
    r"|credential|session|auth|jwt)[^=&;]*|key|sig|code|sid)=)[^&;#]*"
)
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
_USUAL_STARTS = ("GET ", "POST ", "PUT ", "DELETE ", "PATCH ", "HEAD ", "OPTIONS ")
"""Of usual request lines, the most frequent first."""
_METHODS_IN_SMALL_LETTERS = {verb.lower(): verb for verb in _METHODS}
_LEADING_VERB = r"^([A-Z]+) /"
_ANY_VERB = "ANY"
_HOST_AND_PATH = r"^[A-Za-z0-9_*.-]+(?::[0-9]{1,5})?/"
_URL_HOST = (
    r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:\[]+|\[[^\]]*\])(?::[0-9]*)?(?:[/?#]|$)"
)
_TARGET_HOST = r"^[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]+)"
_NO_TARGET = r"^(?:-|error:[a-z][a-z-]*)$"
_IPV4_AND_PORT = r"^([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+):[0-9]+$"
_HOST_AND_PORT = r"^([^:\[\]]+|\[[^\]]*\]):[0-9]{1,5}$"


def split_request_lines(request: pl.Series) -> pl.DataFrame:
    """Split raw request lines into columns `method`, `target` and `protocol`.

    The method runs to the first blank and is a token; the protocol is the last word if it is
    one; the target is what lies between, blanks included. A text that is no request (a TLS
    greeting, `HELP`) has no method and is the target as a whole. `-`, empty, HAProxy's `<BADREQ>`
    and null: all null.
    """
    line = request.alias("line")
    words = line.to_frame().select(pl.col("line").str.splitn(" ", 2)).unnest("line")
    method, rest = words["field_0"], words["field_1"]
    # Methods are few: the expression runs on the distinct ones.
    methods = method.unique().drop_nulls()
    methods = methods.filter(methods.str.contains(_METHOD_TOKEN))
    is_request = (method.is_in(methods.implode()) & rest.is_not_null()).fill_null(value=False)
    target, protocol = _split_protocol(rest)
    if is_request.all():
        return pl.DataFrame({"method": method, "target": target, "protocol": protocol})
    # Envoy writes a dash for each part that is missing, HAProxy a word for the whole.
    is_none = line.is_in(["-", "", "<BADREQ>"]) | line.str.contains("^- - (?:-$|HTTP/)")
    whole = line.set(is_none, None)
    return pl.DataFrame(
        {
            "method": method.set(~is_request, None),
            "target": target.zip_with(is_request, whole),
            "protocol": protocol.set(~is_request, None),
        }
    )


def split_usual_lines(lines: pl.Series, parts: Collection[str]) -> dict[str, pl.Series] | None:
    """Split lines of nothing but usual methods and protocols as `split_request_lines` does.

    `parts` are `method` and `protocol`, which come encoded, `target`, and `path` as `target_path`
    gives it. None where any line is not a usual one, or missing.
    """
    # Where parts begin and end is told by texts known beforehand: to search for blanks, and to make
    # a text of what stands between them that is only thrown away, costs several times as much.
    methods = _tell_apart(lines.str.starts_with, _USUAL_STARTS)
    protocols = _tell_apart(lines.str.ends_with, _USUAL_PROTOCOLS) if methods is not None else None
    if methods is None or protocols is None:
        return None
    begin = pl.Series(map(len, _USUAL_STARTS), dtype=pl.Int32).gather(methods)
    end = lines.str.len_bytes().cast(pl.Int32) - len(_USUAL_PROTOCOLS[0])
    if (end < begin).any():
        return None
    split: dict[str, pl.Series] = {}
    places = pl.DataFrame([lines.alias("line"), begin.alias("begin"), end.alias("end")])
    for part in parts:
        if part == "method":
            split[part] = from_codes(methods, pl.Series(_USUAL_STARTS).str.strip_chars())
        elif part == "protocol":
            split[part] = from_codes(protocols, pl.Series(_USUAL_PROTOCOLS).str.strip_chars())
        else:
            query = pl.col("line").str.find("?", literal=True).cast(pl.Int32)
            last = pl.coalesce(query, "end") if part == "path" else pl.col("end")
            # Lengths in bytes, and there is no character that these cut in two.
            text = pl.col("line").cast(pl.Binary).bin.slice("begin", last - pl.col("begin"))
            split[part] = places.select_seq(text.cast(pl.String).alias(part)).to_series()
            if part == "path":
                split[part] = _clean_path(split[part])
    return split


def _tell_apart(match: Callable[[str], pl.Series], texts: Sequence[str]) -> pl.Series | None:
    """Return which of the texts each row matches (UInt32); None where any matches none."""
    codes: pl.Series | None = None
    missing = 0
    for code, text in enumerate(texts):
        matches = match(text)
        hits = int(matches.sum())
        if codes is None:
            missing = len(matches)
            codes = pl.repeat(code, missing, dtype=pl.UInt32, eager=True)
        elif hits:
            codes = codes.set(matches, code)
        missing -= hits
        if not missing:
            return codes
    return None


def _split_protocol(rest: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Split targets and protocols; without a protocol all of the text is the target."""
    target = protocol = pl.Series(rest.name, [None], pl.String).new_from_index(0, len(rest))
    unsplit = rest
    # Comparing the ends of texts is several times cheaper than the expression for the rest.
    for usual in _USUAL_PROTOCOLS:
        ends = unsplit.str.ends_with(usual).fill_null(value=False)
        target = unsplit.str.strip_suffix(usual).zip_with(ends, target)
        protocol = protocol.set(ends, usual[1:])
        unsplit = unsplit.set(ends, None)
        if unsplit.null_count() == len(unsplit):
            return target, protocol
    rows = unsplit.is_not_null().arg_true()
    words = unsplit.gather(rows).str.extract_groups(_TARGET_PROTOCOL).struct.unnest()
    return (
        target.scatter(rows, words["target"].fill_null(unsplit.gather(rows))),
        protocol.scatter(rows, words["protocol"]),
    )


def target_path(target: pl.Series) -> pl.Series:
    """Return the path of request targets: no query, no scheme and host; null where none was sent.

    Tomcat writes `-` for a target that it could not read, Squid `error:invalid-request` and others:
    https://wiki.squid-cache.org/SquidFaq/SquidLogs
    """
    return _clean_path(_split_at_query(target)["field_0"].alias("path"))


def _clean_path(path: pl.Series) -> pl.Series:
    """Return the paths of targets without query: no scheme and host; null where none was sent."""
    if path.str.starts_with("/").all():
        return path
    path = path.set(path.str.contains(_NO_TARGET).fill_null(value=False), None)
    # A proxy is asked for an absolute target: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    absolute = path.str.starts_with("http://") | path.str.starts_with("https://")
    if not absolute.any():
        return path
    after_host = path.str.replace(r"^https?://[^/?#]*", "").replace("", "/")
    return after_host.zip_with(absolute.fill_null(value=False), path)


def target_host(target: pl.Series) -> pl.Series:
    """Return the host of absolute request targets, without its port; others have none."""
    is_absolute = target.str.contains("://", literal=True)
    if not is_absolute.any():
        return pl.Series(target.name, [None], pl.String).new_from_index(0, len(target))
    return target.str.extract(_TARGET_HOST, 1)


def target_query(target: pl.Series) -> pl.Series:
    """Return the query of request targets without its question mark, values of secrets masked."""
    query = _split_at_query(target)["field_1"].alias("query")
    return query.str.replace_all(_SECRET_VALUE, "${1}***")


def _split_at_query(target: pl.Series) -> pl.DataFrame:
    return target.alias("t").to_frame().select(pl.col("t").str.splitn("?", 2)).unnest("t")


def route_from_key(keys: pl.Series) -> pl.Series:
    """Return the path template of route keys that begin with a verb; other keys as they stand.

    Route keys are `GET /pets/{petId}`, `ANY /{proxy+}`, `$default`, `join`.
    """
    return blank_to_null(keys.str.replace(_LEADING_VERB, "/"))


def method_from_key(keys: pl.Series) -> pl.Series:
    """Return the verb of route keys that have one, unless it stands for all verbs."""
    verbs = keys.str.extract(_LEADING_VERB, 1)
    return verbs.set(verbs == _ANY_VERB, None)


def encode_route_key(values: pl.Series) -> pl.Series:
    """Return the routes of keys such as `GET /pets/{petId}`, encoded."""
    return map_categories(encode_texts(values), route_from_key)


def part_of_route_request(part: str) -> ColumnConverter:
    """Return a converter that takes a part of request lines whose target is a route or route key.

    The lines are such as `GET /pets/{petId} HTTP/1.1` and `GET GET /pets HTTP/1.1`, the parts
    `method`, `route` and `protocol`.
    """

    def take_part(requests: pl.Series) -> pl.Series:
        parts = split_request_lines(requests)
        if part != "route":
            return parts[part]
        # What is no request is a target as a whole, and no route.
        return route_from_key(parts["target"].set(parts["method"].is_null(), None))

    return lambda values: map_categories(encode_texts(values), take_part)


def mask_query_strings(texts: pl.Series) -> pl.Series:
    """Return query strings without their question mark, if they have one, secrets masked."""
    return target_query("?" + texts.str.strip_prefix("?"))


def first_of_list(texts: pl.Series) -> pl.Series:
    """Return the first entry of lists such as X-Forwarded-For: there, the client's end."""
    return texts.str.splitn(",", 2).struct.field("field_0").str.strip_chars()


def encode_host(values: pl.Series) -> pl.Series:
    """Return hosts without a port, which Apache's `%v:%p` has and nginx's `$host` has not."""
    return map_categories(encode_given(values), lambda s: s.str.replace(_HOST_AND_PORT, "$1"))


def strip_port(values: pl.Series) -> pl.Series:
    """Return the address of `203.0.113.7:52814`, also of `[2001:db8::7]:52814`."""
    return blank_to_null(values.str.replace(r":[0-9]+$", "").str.strip_chars("[]"))


def extract_trace_id(values: pl.Series) -> pl.Series:
    """Return trace ids, also out of a traceparent (`00-TRACE-SPAN-01`).

    See https://www.w3.org/TR/trace-context/#traceparent-header
    """
    values = first_given(values)
    parts = values.str.split("-")
    is_parent = (parts.list.len() == 4) & (values.str.len_bytes() == 55)
    ids = parts.list.get(1, null_on_oob=True).zip_with(is_parent.fill_null(False), values)
    # Cloud Logging: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
    return ids.str.replace(r"^projects/[^/]+/traces/", "")


def keep_texts(texts: pl.Series) -> pl.Series:
    """Return the texts as they are."""
    return texts


def encode_first(values: pl.Series) -> pl.Series:
    """Return texts, encoded; of a list of texts in JSON the first, and no quotes around them."""

    def take_first(texts: pl.Series) -> pl.Series:
        first = first_of_json_list(texts)
        if first.str.starts_with('"').any():
            first = first.str.replace(r'^"(.*)"$', "$1")
        return blank_to_null(first)

    return map_categories(encode_texts(values), take_first)


def encode_first_host(values: pl.Series) -> pl.Series:
    """Return hosts as `encode_first` does, without a port."""
    return encode_host(encode_first(values))


def encode_method(values: pl.Series) -> pl.Series:
    """Return methods, encoded; the usual ones in capitals, as all of HTTP writes them.

    Frameworks such as hapi keep them in small letters: https://hapi.dev/api/#-requestmethod
    """

    def in_capitals(methods: pl.Series) -> pl.Series:
        is_small = methods.str.contains("^[a-z]").any()
        return methods.replace(_METHODS_IN_SMALL_LETTERS) if is_small else methods

    return map_categories(encode_first(values), in_capitals)


def encode_tool(values: pl.Series) -> pl.Series:
    """Return names of tools, encoded; methods such as `tools/list` and URIs are none."""
    named = encode_first(values)
    return map_categories(
        named, lambda s: s.set(s.str.contains("/|^(?:initialize|ping)$").fill_null(False), None)
    )


def encode_json_rpc_error(values: pl.Series) -> pl.Series:
    """Return codes of JSON-RPC errors as error types, encoded; 0 is none."""

    def name_codes(codes: pl.Series) -> pl.Series:
        is_code = codes.str.contains(r"^-?[1-9][0-9]*$").fill_null(value=False)
        return (JSON_RPC_PREFIX + codes).set(~is_code, None)

    return map_categories(encode_given(values), name_codes)


def first_given(values: pl.Series) -> pl.Series:
    """Return texts, of a list of texts in JSON the first; nearly all differ."""
    return blank_to_null(first_of_json_list(values))


def first_of_json_list(s: pl.Series) -> pl.Series:
    """Return the first text of lists in JSON, other texts as they stand."""
    is_list = s.str.starts_with('["').fill_null(value=False)
    if not is_list.any():
        # The same series says that nothing has changed, which spares encoding it again.
        return blank_to_null(s, ("[]", "null"))
    return s.str.strip_prefix('["').str.split('"').list.first().zip_with(is_list, s)


def encode_client_address(values: pl.Series) -> pl.Series:
    """Return the first address of lists, without its port and brackets, encoded."""

    def clean(s: pl.Series) -> pl.Series:
        bare = first_of_json_list(s)
        # Looking for a text costs a tenth of what is done where it stands.
        is_list = bare.str.contains(",", literal=True).any()
        bare = first_of_list(bare) if is_list else bare.str.strip_chars()
        has_port = bare.str.contains(_IPV4_AND_PORT)
        if has_port.all():
            return bare.str.splitn(":", 2).struct.field("field_0")
        if has_port.any():
            bare = bare.str.replace(_IPV4_AND_PORT, "$1")
        if bare.str.starts_with("[").any():
            bare = bare.str.replace(r"^\[(.*)\](?::[0-9]+)?$", "$1")
        return blank_to_null(bare)

    # With their ports, nearly all differ.
    if not isinstance(values.dtype, pl.Categorical) and hardly_repeats(values):
        return encode_texts(clean(values))
    return map_categories(encode_texts(values), clean)


def encode_url_path(values: pl.Series) -> pl.Series:
    """Return the paths of targets and URLs, also of `host/path`, encoded."""
    return _map_urls(values, lambda urls: target_path(urls))


def encode_target_query(values: pl.Series) -> pl.Series:
    """Return the queries of targets and URLs, secrets masked, encoded."""
    return _map_urls(values, target_query)


def encode_url_host(values: pl.Series) -> pl.Series:
    """Return the hosts of URLs and of `host/path`, without a port, encoded; null for paths."""
    return _map_urls(values, lambda urls: urls.str.extract(_URL_HOST, 1))


def _map_urls(values: pl.Series, part: ColumnConverter) -> pl.Series:
    def take_part(texts: pl.Series) -> pl.Series:
        given = blank_to_null(first_of_json_list(texts))
        bare = given.str.contains(_HOST_AND_PATH).fill_null(value=False)
        return part(("http://" + given).zip_with(bare, given) if bare.any() else given)

    return map_categories(encode_texts(values), take_part)


def encode_upper(values: pl.Series) -> pl.Series:
    """Return methods in capital letters, encoded."""
    return map_categories(encode_given(values), lambda s: s.str.to_uppercase())


def encode_method_codes(values: pl.Series) -> pl.Series:
    """Return methods, encoded, of words or of their numbers in alphabetical order."""

    def decode(texts: pl.Series) -> pl.Series:
        return texts.replace(dict(zip(map(str, range(1, 10)), _METHODS, strict=True)) | {"0": None})

    return map_categories(encode_given(values), decode)


def mask_query_column(values: pl.Series) -> pl.Series:
    """Return query strings, encoded, secrets masked; a dash stands for none."""
    return map_categories(blank_to_null(encode_texts(values), ("-",)), mask_query_strings)


def encode_plus_texts(values: pl.Series) -> pl.Series:
    """Return texts, encoded, in which IIS has written `+` for each blank.

    Of two in a row the second one is a plus sign, as before the address of a robot.
    """

    def decode(texts: pl.Series) -> pl.Series:
        kept = texts.str.replace_all("++", " \x00", literal=True)
        return kept.str.replace_all("+", " ", literal=True).str.replace_all(
            "\x00", "+", literal=True
        )

    return map_categories(encode_first(values), decode)
