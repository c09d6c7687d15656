"""Cloud Run: the request log of services, beside what their containers print.

See https://cloud.google.com/run/docs/logging
"""

from __future__ import annotations

from apilog.formats.contract import SkipRule
from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import Gateway, first_of
from apilog.formats.gateways.google.log_entries import (
    ADVICE_OF_ALL,
    FINGERPRINT,
    REQUEST_COLUMNS,
    are_resources,
)
from apilog.values.requests import encode_client_address

_GUIDE = "https://cloud.google.com/run/docs/logging"

CLOUD_RUN = Gateway(
    name="gcp-cloudrun",
    gateway="gcp-cloudrun",
    title="Google Cloud Run, requests",
    url=_GUIDE,
    fingerprint_keys=(FINGERPRINT,),
    required_columns=("status", "method", "path"),
    is_own_record=first_of(
        are_resources(r"^(?:cloud_run_revision|cloud_function)$"), "resourcetype"
    ),
    ignored_keys=frozenset({"metadata"}),
    column_sources={
        **REQUEST_COLUMNS,
        "api": UNSET.first_known("resourcelabelsservicename", "resourcelabelsfunctionname"),
        "stage": UNSET.first_known("resourcelabelsrevisionname"),
        "client_ip": first_of(encode_client_address, "httprequestremoteip"),
    },
    samples=(
        (
            '{"httpRequest":{"latency":"0.057s","protocol":"HTTP/1.1","remoteIp":"203.0.113.7",'
            '"requestMethod":"GET","requestSize":"312","requestUrl":"https://shop-a1b2-ew.a.run.app/'
            'v1/orders/42?page=2","responseSize":"512","serverIp":"216.239.36.53","status":200,'
            '"userAgent":"curl/8.1"},"insertId":"6a9b","labels":{"instanceId":"00f46b92850f"},'
            '"logName":"projects/shop/logs/run.googleapis.com%2Frequests","receiveTimestamp":'
            '"2026-11-21T10:00:00.2Z","resource":{"labels":{"configuration_name":"orders","location":'
            '"europe-west1","project_id":"shop","revision_name":"orders-00007-abc","service_name":'
            '"orders"},"type":"cloud_run_revision"},"severity":"INFO","spanId":"aa1","timestamp":'
            '"2026-11-21T10:00:00.123456Z","trace":"projects/shop/traces/'
            '0af7651916cd43dd8448eb211c80319c","traceSampled":true}'
        ),
    ),
    skip_rules=(
        SkipRule(
            "what a container of Cloud Run printed",
            r'"logName"\s*:\s*"[^"]*/logs/run\.googleapis\.com%2F(?:stdout|stderr|varlog[^"]*)"',
            (
                (
                    '{"logName":"projects/shop/logs/run.googleapis.com%2Fstdout","textPayload":'
                    '"stored","resource":{"type":"cloud_run_revision"}}'
                ),
            ),
            # Programs may print access lines of their own.
            unless=r'"httpRequest"|HTTP/[0-9]|(?i)status',
        ),
    ),
    advice={
        **ADVICE_OF_ALL,
        "consumer": "API Gateway, Cloud Endpoints or Apigee in front: Cloud Run knows no callers",
        "upstream_duration_ms": "there is no service behind: the container answers itself",
    },
    template=(
        f"# {_GUIDE}: requests are logged anyway; this takes them out.\n"
        "gcloud logging read 'resource.type=cloud_run_revision AND log_id(\"run.googleapis.com/"
        "requests\")' \\\n  --format=json > requests.json\n"
    ),
)
