"""What loggers of programs put before a line: Ruby's Logger, zap's console, as Caddy has it.

The time stands before the line, which has none of its own.
"""

from __future__ import annotations

import string

import polars as pl

from apilog.transport.envelope import (
    LOOKS_LIKE_ACCESS,
    SAMPLE_LINE,
    Envelope,
    EnvelopeSample,
    UnwrappedEvents,
    holds_access_lines,
    unwrap_lines,
)
from apilog.values.times import parse_times

_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
_COLOUR = r"(?:\x1b\[[0-9;]*m)*"
_LEVELS = r"(?i:debug|info|warn|warning|error|dpanic|panic|fatal)"

# https://docs.ruby-lang.org/en/master/Logger.html#class-Logger-label-Log+Level
_RUBY_PREFIX = (
    rf"^[DIWEFA], \[(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK})(?: #[0-9]+)?\]"
    r" +[A-Z]+ -- [^:]*: "
)

# https://pkg.go.dev/go.uber.org/zap/zapcore#NewConsoleEncoder
_CONSOLE_TIME = rf"^(?<time>[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}[T ]{_CLOCK}[^\t ]*)"
_CONSOLE_LINE = (
    rf"{_CONSOLE_TIME}\t{_COLOUR}{_LEVELS}{_COLOUR}\t(?:(?<logger>[A-Za-z0-9_.-]+)\t)?"
    r"(?:[^\t{][^\t]*\t)*\{(?<rest>.*)\}\s*$"
)


# https://api.rubyonrails.org/classes/ActiveSupport/TaggedLogging.html
_RAILS_TAGS = (
    r"^(?<tags>(?:\[[^\]]*\] )+)(?:(?<pairs>method=\S.*)|\{(?<object>.*\"method\".*\}))\s*$"
)
_REQUEST_ID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"


def unwrap_rails_tags(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap lograge's texts after the tags of Rails, with the request's id in them."""
    parts = lines.str.extract_groups(_RAILS_TAGS).struct.unnest()
    number = parts["tags"].str.extract(_REQUEST_ID, 1)
    pairs = ("request_id=" + number + " " + parts["pairs"]).fill_null(parts["pairs"])
    named = '{"request_id": "' + number + '", ' + parts["object"]
    return unwrap_lines(pairs.fill_null(named).fill_null("{" + parts["object"]))


# https://apim.docs.wso2.com/en/latest/api-analytics/on-prem/elk-installation-guide/
_WSO2_EVENT = r"^[\[T].*\bapimMetrics: [\w:]+, properties ?: ?(\{.*\})\s*$"


def unwrap_wso2(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the objects that WSO2's ELK reporter writes into the log of the gateway."""
    return unwrap_lines(lines.str.extract(_WSO2_EVENT, 1))


def unwrap_console(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the objects at the end of zap's lines, with the name of the logger in them."""
    parts = lines.str.extract_groups(_CONSOLE_LINE).struct.unnest()
    named = '{"logger": "' + parts["logger"] + '", ' + parts["rest"] + "}"
    return unwrap_lines(named.fill_null("{" + parts["rest"] + "}"))


# https://docs.python.org/3/howto/logging.html, and Loguru's and Logbook's of the same kind:
# https://loguru.readthedocs.io/en/stable/api/logger.html
# https://logbook.readthedocs.io/en/stable/api/handlers.html
_PYTHON_TIME = (
    rf"\[?(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}(?:Z|[+-][0-9:]{{4,6}})?)\]?"
)
_PYTHON_LEVEL = r"\[?(?:TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|SUCCESS)\]?"
_LOGGER = r"\[?[A-Za-z_]\w*(?:\.\w+)*(?::[\w<>]+:[0-9]+)?\]?"
_BETWEEN = r" *[-|:]? +"
_PYTHON_PREFIX = (
    rf"^{_PYTHON_TIME}{_BETWEEN}(?:{_LOGGER}{_BETWEEN}|\[?[0-9]+\]?{_BETWEEN})?"
    rf"{_PYTHON_LEVEL}(?:: *| *[-|] +| +)(?:(?:in )?{_LOGGER}(?:: *| +[-|] +))?"
)
# What `logging.basicConfig` writes.
_PYTHON_BASIC = r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):[A-Za-z_][\w.]*:"
PYTHON_PREFIX = rf"{_PYTHON_BASIC}|{_PYTHON_PREFIX}"
"""What Python's logging writes before a message, in one of its usual layouts."""


def unwrap_prefixed(lines: pl.Series, prefix: str) -> UnwrappedEvents:
    """Unwrap the texts after a logger's prefix, an expression, that may be access lines."""
    texts = lines.str.replace(prefix, "")
    inside = (texts.str.len_bytes() < lines.str.len_bytes()) & texts.str.contains(LOOKS_LIKE_ACCESS)
    return unwrap_lines(texts.set(~inside, None))


# https://quarkus.io/guides/logging#logging-format, and the usual patterns of Logback and Log4j:
# https://logback.qos.ch/manual/layouts.html
_JAVA_TIME = rf"(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}(?:Z|[+-][0-9:]{{4,6}})?)"
_JAVA_LEVEL = "(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
_JAVA_LOGGER = r"[A-Za-z_$][\w.$-]*"
_JAVA_PREFIX = (
    rf"^{_JAVA_TIME} +(?:{_JAVA_LEVEL} +\[{_JAVA_LOGGER}\] \([^)\"]*\) "
    rf"|\[[^\]\"]+\] +{_JAVA_LEVEL} +{_JAVA_LOGGER}(?: -|:) +"
    rf"|{_JAVA_LEVEL} +\[[^\]\"]+\] +{_JAVA_LOGGER}(?: -|:) +"
    # Play's: https://www.playframework.com/documentation/latest/SettingsLogger
    rf"|\[{_JAVA_LEVEL}\] +from {_JAVA_LOGGER} in [^ ]+ - +)"
)

# https://docs.spring.io/spring-boot/reference/features/logging.html
_SPRING_PREFIX = (
    rf"^(?:{_JAVA_TIME} +)? *{_JAVA_LEVEL} [0-9]+ --- (?:\[[^\]\"]*\] )+{_JAVA_LOGGER} *: "
)

# https://docs.nestjs.com/techniques/logger
_NEST_PREFIX = (
    r"^\[Nest\] [0-9]+ +- +(?<time>[0-9/.-]+,? [0-9:]+(?: [AP]M)?) +[A-Z]+ (?:\[[^\]]+\] )?"
)


# A message and its context, as Monolog's and many another formatter have it:
# https://github.com/Seldaek/monolog/blob/main/doc/02-handlers-formatters-processors.md
_CONTEXT = r"^[^{}\"]{0,40}?[A-Za-z0-9][^{}\"]{0,200}?(\{\s*\".*\})(?: \[\]| \{\})?\s*$"
_CONTEXT_TIME = (
    rf"^[^{{}}\"]{{0,40}}?([0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}[ T]{_CLOCK}"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?)"
)
_OF_A_REQUEST = r'(?i)"[^"]*(?:method|verb|status|code|path|url|uri)[^"]*"\s*:'


def unwrap_context(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the objects that stand at the end of lines, behind a time, a level or a message."""
    texts = lines.str.extract(_CONTEXT, 1)
    return unwrap_lines(texts.set(~texts.str.contains(_OF_A_REQUEST).fill_null(False), None))


# https://pkg.go.dev/github.com/rs/zerolog#ConsoleWriter, which writes a time of day unless it is
# told another layout.
_ZEROLOG_TIME = rf"(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}(?:Z|[+-][0-9:]{{5,6}}))"
_ZEROLOG_CLOCK = "[0-9]{1,2}:[0-9]{2}[AP]M"
_ZEROLOG_LINE = (
    r" (?<level>TRC|DBG|INF|WRN|ERR) (?:[^ =\"]+:[0-9]+ > )?(?:[^=\"]* )?"
    r"(?<rest>[A-Za-z_][A-Za-z0-9_.]*=.*)$"
)

# https://github.com/pinojs/pino-pretty with `singleLine`, and its usual time of day.
_PINO_LINE = rf"^\[{_CLOCK}\] [A-Z]+(?: \([^)\"]*\))?: [^{{\"]*(\{{.*\}})\s*$"

# https://hexdocs.pm/logger/Logger.Formatter.html
_ELIXIR_DATE = r"(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]"
_ELIXIR_REST = r" (?:[a-z_]+=[^ ]* )*\[[a-z]+\] "
_ELIXIR_PREFIX = rf"^{_ELIXIR_DATE}{_CLOCK}){_ELIXIR_REST}"
_ELIXIR_CLOCK_PREFIX = rf"^{_CLOCK}{_ELIXIR_REST}"


def unwrap_zerolog(lines: pl.Series, time: str) -> UnwrappedEvents:
    """Unwrap the pairs at the end of zerolog's console lines, with their level, which tells that
    they are zerolog's; `time` is the expression of what they begin with."""
    parts = lines.str.extract_groups(f"^{time}{_ZEROLOG_LINE}").struct.unnest()
    return unwrap_lines("zerolog_level=" + parts["level"] + " " + parts["rest"])


def unwrap_pino_pretty(lines: pl.Series) -> UnwrappedEvents:
    """Unwrap the objects at the end of pino-pretty's lines."""
    return unwrap_lines(lines.str.extract(_PINO_LINE, 1))


def _logger_envelope(
    name: str, title: str, prefix: str, first_characters: str, sample: EnvelopeSample
) -> Envelope:
    """Return the envelope of a logger's lines; `time` in its prefix is when they were written."""

    def unwrap(lines: pl.Series) -> UnwrappedEvents:
        return unwrap_prefixed(lines, prefix)

    def find_times(lines: pl.Series) -> pl.Series:
        return parse_times(lines.str.extract(prefix, 1))

    return Envelope(
        name=name,
        title=title,
        unwrap=unwrap,
        first_characters=first_characters,
        detect=lambda head: holds_access_lines(unwrap(head).texts["text"], head),
        times=find_times if "(?<time>" in prefix else None,
        samples=(sample,),
    )


RUBY_LOGGER = _logger_envelope(
    name="ruby-logger",
    title="lines of Ruby's Logger",
    prefix=_RUBY_PREFIX,
    first_characters="DIWEFA",
    sample=EnvelopeSample(
        (
            "I, [2026-10-10T13:55:36.123456 #4711]  INFO -- : method=GET path=/a status=200",
            f"I, [2026-10-10T13:55:36.123456 #4711]  INFO -- : {SAMPLE_LINE}",
            "W, [2026-10-10T13:55:37.000001 #4711]  WARN -- shop: retrying",
        ),
        ("method=GET path=/a status=200", SAMPLE_LINE),
    ),
)

PYTHON_BASIC = _logger_envelope(
    name="python-basic",
    title="lines of Python's logging as `logging.basicConfig` has it, without a time",
    prefix=_PYTHON_BASIC,
    first_characters="DIWEC",
    sample=EnvelopeSample(
        (
            f"INFO:uvicorn.access:{SAMPLE_LINE}",
            f"WARNING:uvicorn.access:{SAMPLE_LINE}",
            "INFO:shop:starting",
        ),
        (SAMPLE_LINE,) * 2,
    ),
)

JAVA_LOGGING = _logger_envelope(
    name="java-logging",
    title="lines of Quarkus, and of Logback's and Log4j's usual patterns",
    prefix=_JAVA_PREFIX,
    first_characters=string.digits,
    sample=EnvelopeSample(
        (
            f"2026-10-10 13:55:36,123 INFO  [io.quarkus.access-log] (main-0) {SAMPLE_LINE}",
            f"2026-10-10 13:55:36.123 [nio-1] INFO  HTTP_ACCESS_LOGGER - {SAMPLE_LINE}",
            f"2026-10-10 13:55:36.123 INFO  [nio-1] com.example.Access - {SAMPLE_LINE}",
            f"2026-10-10 13:55:36,123 [INFO] from access in play-dispatcher-4 - {SAMPLE_LINE}",
            "2026-10-10 13:55:37,123 INFO  [io.quarkus] (main) shop 1.0 started",
        ),
        (SAMPLE_LINE,) * 4,
    ),
)

SPRING_LOGGING = _logger_envelope(
    name="spring-logging",
    title="lines of Spring Boot's logging",
    prefix=_SPRING_PREFIX,
    first_characters=string.digits + " TDIWEF",
    sample=EnvelopeSample(
        (
            f"2026-10-10T13:55:36.123Z  INFO 1 --- [qtp1] org.example.Access   : {SAMPLE_LINE}",
            f" INFO 1 --- [shop] [qtp1] org.example.Access   : {SAMPLE_LINE}",
            "2026-10-10T13:55:37.123Z  INFO 1 --- [main] org.example.Shop   : started",
        ),
        (SAMPLE_LINE,) * 2,
    ),
)

NEST = _logger_envelope(
    name="nest",
    title="lines of NestJS's logger",
    prefix=_NEST_PREFIX,
    first_characters="[",
    sample=EnvelopeSample(
        (
            f"[Nest] 7  - 10/10/2026, 1:55:36 PM     LOG [HTTP] {SAMPLE_LINE}",
            f"[Nest] 7  - 10/10/2026, 1:55:37 PM    WARN {SAMPLE_LINE}",
            "[Nest] 7  - 10/10/2026, 1:55:38 PM     LOG [NestFactory] Starting application",
        ),
        (SAMPLE_LINE,) * 2,
    ),
)

PYTHON_LOGGING = _logger_envelope(
    name="python-logging",
    title="lines of Python's logging, of Loguru or of Logbook",
    prefix=_PYTHON_PREFIX,
    first_characters=string.digits + "[",
    sample=EnvelopeSample(
        (
            f"2026-10-10 13:55:36,123 - uvicorn.access - INFO - {SAMPLE_LINE}",
            f"2026-10-10 13:55:36,123 INFO access: {SAMPLE_LINE}",
            f"[2026-10-10 13:55:36,123] INFO in access: {SAMPLE_LINE}",
            f"2026-10-10 13:55:36.123 | INFO     | app.main:log:12 - {SAMPLE_LINE}",
            f"[2026-10-10 13:55:36.123456+0000] NOTICE: access: {SAMPLE_LINE}",
            "2026-10-10 13:55:37,000 - shop - INFO - starting",
        ),
        (SAMPLE_LINE,) * 5,
    ),
)

ELIXIR_LOGGER = _logger_envelope(
    name="elixir-logger",
    title="lines of Elixir's Logger, with a date",
    prefix=_ELIXIR_PREFIX,
    first_characters=string.digits,
    sample=EnvelopeSample(
        (
            f"2026-10-10 13:55:36.123 request_id=6a9b [info] {SAMPLE_LINE}",
            f"2026-10-10 13:55:36.124 [info] {SAMPLE_LINE}",
            "2026-10-10 13:55:37.123 [info] Running ShopWeb.Endpoint",
        ),
        (SAMPLE_LINE,) * 2,
    ),
)

ELIXIR_CLOCK = _logger_envelope(
    name="elixir-clock",
    title="lines of Elixir's Logger, without a date",
    prefix=_ELIXIR_CLOCK_PREFIX,
    first_characters=string.digits,
    sample=EnvelopeSample(
        (
            f"13:55:36.123 request_id=6a9b [info] {SAMPLE_LINE}",
            f"13:55:36.124 [info] {SAMPLE_LINE}",
            "13:55:37.123 [info] Running ShopWeb.Endpoint",
        ),
        (SAMPLE_LINE,) * 2,
    ),
)

PINO_PRETTY = Envelope(
    name="pino-pretty",
    title="lines of pino-pretty, one an object, without a date",
    unwrap=unwrap_pino_pretty,
    first_characters="[",
    detect=lambda head: holds_access_lines(unwrap_pino_pretty(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                '[13:55:36.123] INFO (4711): request completed {"responseTime":15}',
                '[13:55:37.123] ERROR: {"responseTime":16}',
                "[13:55:38.123] INFO (4711): listening",
            ),
            ('{"responseTime":15}', '{"responseTime":16}'),
        ),
    ),
)


def _zerolog_envelope(
    name: str, title: str, time: str, sample: tuple[str, str], *, is_timed: bool
) -> Envelope:
    """Return the envelope of zerolog's console lines that begin with such a time."""

    def find_times(lines: pl.Series) -> pl.Series:
        return parse_times(lines.str.extract(f"^{time}", 1))

    return Envelope(
        name=name,
        title=title,
        unwrap=lambda lines: unwrap_zerolog(lines, time),
        first_characters=string.digits,
        detect=lambda head: holds_access_lines(unwrap_zerolog(head, time).texts["text"], head),
        times=find_times if is_timed else None,
        samples=(
            EnvelopeSample(
                (
                    f"{sample[0]} INF request method=GET path=/a status=200 duration=15.25",
                    f"{sample[1]} WRN main.go:12 > method=GET path=/a status=404",
                    f"{sample[1]} INF listening",
                ),
                (
                    "zerolog_level=INF method=GET path=/a status=200 duration=15.25",
                    "zerolog_level=WRN method=GET path=/a status=404",
                ),
            ),
        ),
    )


ZEROLOG_CONSOLE = _zerolog_envelope(
    "zerolog-console",
    "lines of zerolog's ConsoleWriter, with a date",
    _ZEROLOG_TIME,
    ("2026-10-10T13:55:36Z", "2026-10-10T13:55:37+02:00"),
    is_timed=True,
)
ZEROLOG_CLOCK = _zerolog_envelope(
    "zerolog-clock",
    "lines of zerolog's ConsoleWriter, without a date",
    _ZEROLOG_CLOCK,
    ("1:55PM", "12:00AM"),
    is_timed=False,
)

RAILS_TAGS = Envelope(
    name="rails-tags",
    title="lograge's lines after the tags of Rails (`config.log_tags`)",
    unwrap=unwrap_rails_tags,
    first_characters="[",
    detect=lambda head: holds_access_lines(unwrap_rails_tags(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                "[6a9b1c2d-0000-4000-8000-0123456789ab] method=GET path=/a status=200",
                "[shop] method=GET path=/a status=200",
                '[6a9b1c2d-0000-4000-8000-0123456789ab] {"method": "GET"}',
                "[shop] retrying",
            ),
            (
                "request_id=6a9b1c2d-0000-4000-8000-0123456789ab method=GET path=/a status=200",
                "method=GET path=/a status=200",
                '{"request_id": "6a9b1c2d-0000-4000-8000-0123456789ab", "method": "GET"}',
            ),
        ),
    ),
)

WSO2_METRICS = Envelope(
    name="wso2-metrics",
    title="lines of WSO2 API Manager's ELK reporter",
    unwrap=unwrap_wso2,
    first_characters="[T",
    detect=lambda head: holds_access_lines(unwrap_wso2(head).texts["text"], head),
    samples=(
        EnvelopeSample(
            (
                '[2026-10-10 13:55:36]  INFO - ELK apimMetrics: a:b, properties :{"proxyCode":200}',
                '[2026-10-10 13:55:37]  INFO - ELK apimMetrics: a:b, properties :{"proxyCode":201}',
                "TID: [-1234] [] [2026-10-10 13:55:37,001]  INFO {org.wso2.Shop} - started",
            ),
            ('{"proxyCode":200}', '{"proxyCode":201}'),
        ),
    ),
)

ZAP_CONSOLE = Envelope(
    name="console",
    title="lines of zap's console encoder, which Caddy writes to a terminal",
    unwrap=unwrap_console,
    first_characters=string.digits,
    detect=lambda head: holds_access_lines(unwrap_console(head).texts["text"], head),
    times=lambda lines: parse_times(lines.str.extract(_CONSOLE_TIME, 1)),
    samples=(
        EnvelopeSample(
            (
                '2026/10/10 13:55:36.123\tINFO\thttp.log.access\thandled request\t{"status": 200}',
                '2026-10-10T13:55:36.123Z\t\x1b[34mINFO\x1b[0m\tmain.go:12\tdone\t{"status": 201}',
                "2026/10/10 13:55:37.000\tINFO\tserving initial configuration",
            ),
            ('{"logger": "http.log.access", "status": 200}', '{"status": 201}'),
        ),
    ),
)

CONTEXT = Envelope(
    name="context",
    title="lines that end in an object, as Monolog and other loggers write what a message is about",
    unwrap=unwrap_context,
    detect=lambda head: 2 * unwrap_context(head).texts.height > len(head),
    times=lambda lines: parse_times(lines.str.extract(_CONTEXT_TIME, 1)),
    samples=(
        EnvelopeSample(
            (
                '[2026-10-10T13:55:36.123+00:00] http.INFO: request {"method":"GET"} []',
                'INFO {"status": 200}',
                '2026-10-10T13:55:36.123Z [info] {"url": "/a"}',
                '[2026-10-10T13:55:37.000+00:00] shop.INFO: started {"workers":4} []',
            ),
            ('{"method":"GET"}', '{"status": 200}', '{"url": "/a"}'),
        ),
    ),
)
