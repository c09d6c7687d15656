"""AWS Elastic Load Balancing: access logs of Application Load Balancers and of classic ones.

The whole request is the sum of three times, in seconds: until it went to the target, in the target,
and until the response went to the client. Each is -1 for a request that did not come so far, and
then nothing is known of the whole. An Application Load Balancer's line has the time of the answer,
a classic one's that of the request.

A target's status is a dash where no target answered, so that a 5xx without one is the balancer's.
"""

from __future__ import annotations

import polars as pl

from apilog.formats.contract import SkipRule
from apilog.formats.gateways import edge_values as values
from apilog.formats.gateways.aws.context_variables import xray_trace_ids
from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import (
    ColumnSource,
    Gateway,
    TextLayout,
    first_duration_ms,
    first_of,
    first_time,
    names_of,
)
from apilog.values.convert import to_sizes, to_statuses
from apilog.values.requests import (
    encode_client_address,
    encode_host,
    encode_target_query,
    encode_url_host,
    encode_url_path,
)

_ALB_GUIDE = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
    "load-balancer-access-logs.html"
)
_ELB_GUIDE = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html"
)
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z"


def _count_words(lists: pl.Series) -> pl.Series:
    """Return how many targets a list has (Int16)."""
    counts = UNSET.map_set(lists, lambda s: s.str.count_matches(r"\S+").cast(pl.Int16))
    return counts.set(counts == 0, None)


def _group_names(arns: pl.Series) -> pl.Series:
    """Return the names of target groups: `arn:…:targetgroup/NAME/ID`."""
    return UNSET.map_set(arns, lambda s: s.str.extract(r"targetgroup/([^/]+)", 1))


def _addresses_with_ports(addresses: pl.Series, ports: pl.Series | None) -> pl.Series:
    """Return addresses of targets; tables have their ports in another field."""
    known = UNSET.to_null(addresses)
    if ports is None:
        return known
    # Athena's table has -1, or nothing, for the port of no target.
    given = ports.set((ports == "-1") | (ports == "-") | (ports == ""), None)
    return pl.DataFrame([known.alias("host"), given.alias("port")]).select(
        pl.coalesce(pl.concat_str("host", "port", separator=":"), "host")
    )["host"]


_REQUEST_COLUMNS = {
    "method": (
        *values.request_method("request"),
        *UNSET.first_known("requestverb"),
    ),
    "path": (*values.request_path("request"), *first_of(encode_url_path, "requesturl")),
    "query": (
        *values.request_query("request"),
        *first_of(encode_target_query, "requesturl"),
    ),
    "protocol": (
        *values.request_protocol("request"),
        *UNSET.first_known("requestproto", "requestprotocol"),
    ),
    "user_agent": UNSET.first_known("useragent"),
    "status": first_of(to_statuses, "elbstatuscode", "elbresponsecode"),
    "request_bytes": first_of(to_sizes, "receivedbytes"),
    "response_bytes": first_of(to_sizes, "sentbytes"),
    "client_ip": first_of(encode_client_address, "client", "clientip", "requestip"),
}
_URL_HOST = (*values.request_host("request"), *first_of(encode_url_host, "requesturl"))

ALB = Gateway(
    name="aws-alb",
    gateway="aws-alb",
    title="AWS Application Load Balancer, access log",
    url=_ALB_GUIDE,
    fingerprint_keys=(
        # What Athena's documentation calls the columns of a table over such logs.
        frozenset({"elb", "elbstatuscode", "targetstatuscode", "targetprocessingtime"}),
    ),
    required_columns=("status", "method", "path"),
    column_sources={
        **_REQUEST_COLUMNS,
        "timestamp": first_time("time", "requestcreationtime"),
        "api": first_of(_group_names, "targetgrouparn"),
        "host": (*_URL_HOST, *first_of(encode_host, "domainname")),
        "upstream_status": first_of(to_statuses, "targetstatuscode"),
        "upstream_addr": (
            ColumnSource(("target",), UNSET.to_null),
            ColumnSource(("targetip",), _addresses_with_ports, optional_names=("targetport",)),
        ),
        "upstream_attempts": first_of(_count_words, "targetlist", "targetportlist"),
        "duration_ms": (
            ColumnSource(
                ("requestprocessingtime", "targetprocessingtime", "responseprocessingtime"),
                values.sum_seconds,
            ),
        ),
        "upstream_duration_ms": first_duration_ms("targetprocessingtime", unit="s"),
        "trace_id": first_of(xray_trace_ids, "traceid"),
        "error_type": UNSET.first_known("errorreason", "lambdaerrorreason"),
    },
    samples=(
        (
            "https 2026-11-21T10:00:00.186641Z app/shop-lb/50dc6c495c0c9188 203.0.113.7:4711 "
            '10.0.0.1:8080 0.001 0.048 0.001 200 200 312 512 "GET https://api.example.com:443/v1/'
            'users/42?page=2 HTTP/2.0" "curl/8.1" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 '
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/orders/73e2d6bc24d8a "
            '"Root=1-58337281-1d84f3d73c47ec4e58577259" "api.example.com" "arn:aws:acm:eu-west-1:'
            '123456789012:certificate/12345678" 1 2026-11-21T10:00:00.136641Z "forward" "-" "-" '
            '"10.0.0.1:8080" "200" "-" "-" TID_dc57cebed65b444ebc8177bb698fe166'
        ),
        (
            "http 2026-11-21T10:00:01.186641Z app/shop-lb/50dc6c495c0c9188 [2001:db8::7]:4711 - "
            '-1 -1 -1 503 - 34 366 "GET http://api.example.com:80/v1/reports HTTP/1.1" '
            '"say \\"hi\\"" - - arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/'
            'orders/73e2d6bc24d8a067 "Root=1-58337364-23a8c76965a2ef7629b185e3" "-" "-" 0 '
            '2026-11-21T10:00:01.186Z "forward" "-" "-"'
        ),
    ),
    layouts=(
        TextLayout(
            # The first ones are h2c and the like of versions to come, too.
            look=rf"^(?:https?|h2c?|grpcs?|wss?) {_TIME} [^ ]+ [^ ]+:[0-9]+ [^ ]+ -?[0-9.]+ ",
            names=names_of(
                "type time elb client target requestprocessingtime targetprocessingtime "
                "responseprocessingtime elbstatuscode targetstatuscode receivedbytes sentbytes "
                "request useragent sslcipher sslprotocol targetgrouparn traceid domainname "
                "chosencertarn matchedrulepriority requestcreationtime actionsexecuted redirecturl "
                "errorreason targetlist targetstatuscodelist classification classificationreason "
                "conntraceid transformedhost transformeduri requesttransformstatus"
            ),
            # As in 2016: https://aws.amazon.com/about-aws/whats-new/2016/08/
            least=17,
        ),
    ),
    skip_rules=(
        SkipRule(
            "connection of a Network Load Balancer",
            rf"^tls [0-9.]+ {_TIME[:-1]}? (?:net/)?[^ ]+ ",
            (
                (
                    "tls 2.0 2026-11-21T10:00:00 net/shop-nlb/c6e77e28c25b2234 g3d4b5e8bb8464cd "
                    "203.0.113.7:51341 10.0.0.1:443 5 2 98 246 - arn:aws:acm:eu-west-1:1:cert/2 "
                    "- ECDHE-RSA-AES128-SHA tlsv12 - api.example.com - - - 2026-11-21T10:00:00"
                ),
            ),
        ),
        SkipRule(
            "connection log of a load balancer",
            rf"^{_TIME} [0-9A-Fa-f.:]+ [0-9]+ [0-9]+ (?:TLSv[0-9.]+|-) [^ ]+ ",
            (
                (
                    "2026-11-21T10:00:00.115804Z 203.0.113.7 36280 443 TLSv1.2 "
                    'ECDHE-RSA-AES128-GCM-SHA256 4.036 "CN=amazondomains.com" - - Success '
                    "TID_7f8e6d5c4b3a2910"
                ),
            ),
        ),
    ),
    advice={
        "trace_id": "targets that pass on the header X-Amzn-Trace-Id: the balancer logs it anyway",
        "consumer": "the service behind, or API Gateway: a load balancer knows no callers",
        "request_id": "the service behind: a load balancer logs no id of the request",
    },
    template=(
        f"# {_ALB_GUIDE}\n"
        "aws elbv2 modify-load-balancer-attributes --load-balancer-arn ARN --attributes \\\n"
        "  Key=access_logs.s3.enabled,Value=true Key=access_logs.s3.bucket,Value=BUCKET\n"
    ),
)

CLASSIC_ELB = Gateway(
    name="aws-elb",
    gateway="aws-elb",
    title="AWS Classic Load Balancer, access log of HTTP and HTTPS listeners",
    url=_ELB_GUIDE,
    fingerprint_keys=(
        frozenset({"elbstatuscode", "backendstatuscode", "backendprocessingtime"}),
        # Athena: https://docs.aws.amazon.com/athena/latest/ug/elasticloadbalancer-classic-logs.html
        frozenset({"elbname", "elbresponsecode", "backendresponsecode", "backendprocessingtime"}),
    ),
    required_columns=("status", "method", "path"),
    column_sources={
        **_REQUEST_COLUMNS,
        "timestamp": first_time("timestamp", "time"),
        "api": UNSET.first_known("elb", "elbname"),
        "host": (*_URL_HOST, *first_of(encode_url_host, "url")),
        "path": (*_REQUEST_COLUMNS["path"], *first_of(encode_url_path, "url")),
        "query": (*_REQUEST_COLUMNS["query"], *first_of(encode_target_query, "url")),
        "protocol": (*_REQUEST_COLUMNS["protocol"], *UNSET.first_known("protocol")),
        "upstream_status": first_of(to_statuses, "backendstatuscode", "backendresponsecode"),
        "upstream_addr": (
            ColumnSource(("backend",), UNSET.to_null),
            ColumnSource(("backendip",), _addresses_with_ports, optional_names=("backendport",)),
        ),
        "duration_ms": tuple(
            ColumnSource((first, "backendprocessingtime", last), values.sum_seconds)
            for first, last in (
                ("requestprocessingtime", "responseprocessingtime"),
                ("requestprocessingtime", "clientresponsetime"),
            )
        ),
        "upstream_duration_ms": first_duration_ms("backendprocessingtime", unit="s"),
    },
    samples=(
        (
            "2026-11-21T10:00:00.123456Z shop-elb 203.0.113.7:2817 10.0.0.1:80 0.000073 0.001048 "
            '0.000057 200 200 0 29 "GET https://api.example.com:443/v1/users/42 HTTP/1.1" '
            '"curl/8.1" DHE-RSA-AES128-SHA TLSv1.2'
        ),
        (
            "2026-11-21T10:00:01.123456Z shop-elb 203.0.113.7:2817 - -1 -1 -1 503 0 0 0 "
            '"GET http://api.example.com:80/v1/reports HTTP/1.1" "curl/8.1" - -'
        ),
    ),
    layouts=(
        TextLayout(
            look=rf"^{_TIME} [^ ]+ [^ ]+:[0-9]+ [^ ]+(?: -?[0-9.]+){{3}} (?:[0-9]+|-) ",
            names=names_of(
                "timestamp elb client backend requestprocessingtime backendprocessingtime "
                "responseprocessingtime elbstatuscode backendstatuscode receivedbytes sentbytes "
                "request useragent sslcipher sslprotocol"
            ),
            # Before 2014 there was no user agent, cipher nor protocol.
            least=12,
        ),
    ),
    skip_rules=(
        SkipRule(
            "connection of a listener that is not HTTP's",
            rf'^{_TIME} [^"]* "- - - "',
            (
                (
                    "2026-11-21T10:00:00.945958Z shop-elb 203.0.113.7:2817 10.0.0.1:80 0.001069 "
                    '0.000028 0.000041 - - 82 305 "- - - " "-" - -'
                ),
            ),
        ),
    ),
    advice={
        "consumer": "the service behind, or API Gateway: a load balancer knows no callers",
        "upstream_attempts": "with an Application Load Balancer: a classic one does not tell",
        "request_id": "the service behind: a load balancer logs no id of the request",
    },
    template=(
        f"# {_ELB_GUIDE}\n"
        "aws elb modify-load-balancer-attributes --load-balancer-name NAME \\\n"
        "  --load-balancer-attributes "
        '\'{"AccessLog":{"Enabled":true,"S3BucketName":"BUCKET","EmitInterval":5}}\'\n'
    ),
)
