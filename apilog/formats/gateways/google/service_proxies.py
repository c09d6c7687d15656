"""API Gateway and Cloud Endpoints: the log of the Extensible Service Proxy before a service.

Both are ESPv2, an Envoy whose `response_code_detail` is `via_upstream` for what the service
answered, and the name of a failure for what the proxy answered itself. See
https://github.com/GoogleCloudPlatform/esp-v2/tree/master/src/api_proxy/service_control and
https://cloud.google.com/api-gateway/docs/monitor-logs
"""

from __future__ import annotations

import polars as pl

from apilog.formats.gateways.edge_values import UNSET
from apilog.formats.gateways.gateway import ColumnSource, Gateway, first_duration_ms, first_of
from apilog.formats.gateways.google.log_entries import (
    ADVICE_OF_ALL,
    FINGERPRINT,
    REQUEST_COLUMNS,
    are_resources,
    failure_details,
    who_answered,
)

_ENDPOINTS = "https://cloud.google.com/endpoints/docs/openapi/monitoring-your-api"
_API_GATEWAY = "https://cloud.google.com/api-gateway/docs/monitor-logs"

_DETAILS = ("jsonpayloadresponsecodedetail", "jsonpayloadresponsedetails")


def _operations(methods: pl.Series) -> pl.Series:
    """Return the operation of a method's name: `1.orders_endpoints_shop_cloud_goog.GetUser`."""
    return UNSET.map_set(methods, lambda s: s.str.extract(r"([^.]+)$", 1))


_COLUMNS: dict[str, tuple[ColumnSource, ...]] = {
    **REQUEST_COLUMNS,
    "operation": first_of(_operations, "resourcelabelsmethod", "jsonpayloadapimethod"),
    "api_version": UNSET.first_known("jsonpayloadapiversion", "resourcelabelsversion"),
    "stage": UNSET.first_known("resourcelabelsversion", "jsonpayloadapiversion"),
    "consumer": UNSET.first_known(
        "jsonpayloadcredentialid",
        "jsonpayloadapikey",
        "jsonpayloadconsumernumber",
        "jsonpayloadconsumerprojectid",
    ),
    "upstream_duration_ms": first_duration_ms(
        "jsonpayloadbackendlatencyms", "jsonpayloadbackendlatency"
    ),
    "error_type": (
        *first_of(failure_details, *_DETAILS),
        *UNSET.first_known("jsonpayloaderrorcause"),
    ),
    "error_source": first_of(who_answered, *_DETAILS),
}

ENDPOINTS = Gateway(
    name="gcp-endpoints",
    gateway="gcp-endpoints",
    title="Google Cloud Endpoints, log of the service proxy (ESP, ESPv2)",
    url=_ENDPOINTS,
    fingerprint_keys=(FINGERPRINT,),
    required_columns=("status", "method", "path"),
    is_own_record=first_of(are_resources(r"^(?:api|produced_api)$"), "resourcetype"),
    ignored_keys=frozenset({"metadata"}),
    column_sources={
        **_COLUMNS,
        "api": UNSET.first_known("resourcelabelsservice", "jsonpayloadapiname"),
    },
    samples=(
        (
            '{"httpRequest":{"latency":"0.057s","protocol":"http","remoteIp":"203.0.113.7",'
            '"requestMethod":"GET","requestSize":"312","requestUrl":"/v1/orders/42?page=2",'
            '"responseSize":"512","status":200},"insertId":"6a9b","jsonPayload":{"api_key":"AIza",'
            '"api_key_state":"VERIFIED","api_method":"1.orders_endpoints_shop_cloud_goog.GetOrder",'
            '"api_name":"1.orders_endpoints_shop_cloud_goog","api_version":"1.0.0",'
            '"http_status_code":200,"response_code_detail":"via_upstream","service_agent":'
            '"ESPv2/2.47.0","timestamp":1795255200.123},"logName":"projects/shop/logs/endpoints_log",'
            '"resource":{"labels":{"method":"GetOrder","project_id":"shop","service":'
            '"orders.endpoints.shop.cloud.goog","version":"v1"},"type":"api"},"severity":"INFO",'
            '"timestamp":"2026-11-21T10:00:00.123Z"}'
        ),
    ),
    advice={
        **ADVICE_OF_ALL,
        "consumer": "`security` with API keys or JWTs in the API's description",
        "host": "a load balancer in front: the proxy logs no host",
    },
    template=(
        f"# {_ENDPOINTS}: requests are logged anyway; this takes them out.\n"
        "gcloud logging read 'resource.type=api AND log_id(\"endpoints_log\")' \\\n"
        "  --format=json > endpoints.json\n"
    ),
)

API_GATEWAY = Gateway(
    name="gcp-apigateway",
    gateway="gcp-apigateway",
    title="Google API Gateway, requests",
    url=_API_GATEWAY,
    fingerprint_keys=(FINGERPRINT,),
    required_columns=("status", "method", "path"),
    is_own_record=first_of(are_resources(r"^apigateway\.googleapis\.com/"), "resourcetype"),
    ignored_keys=frozenset({"metadata"}),
    column_sources={
        **_COLUMNS,
        "api": UNSET.first_known(
            "resourcelabelsgatewayid", "jsonpayloadapiname", "jsonpayloadapiconfig"
        ),
        "stage": UNSET.first_known(
            "jsonpayloadapiconfig", "resourcelabelsversion", "jsonpayloadapiversion"
        ),
    },
    samples=(
        (
            '{"httpRequest":{"latency":"0.057s","protocol":"http","remoteIp":"203.0.113.7",'
            '"requestMethod":"GET","requestSize":"312","requestUrl":"/v1/orders/42?page=2",'
            '"responseSize":"120","status":503},"insertId":"6a9b","jsonPayload":{"@type":'
            '"type.googleapis.com/google.cloud.apigateway.v1.RequestLog","apiConfig":"orders-v7",'
            '"apiKey":"AIza","apiMethod":"1.orders_apigateway_shop_cloud_goog.GetOrder",'
            '"responseDetails":"no_healthy_upstream"},"logName":'
            '"projects/shop/logs/apigateway.googleapis.com%2Frequests","resource":{"labels":'
            '{"gateway_id":"orders","location":"europe-west1","resource_container":"projects/shop"},'
            '"type":"apigateway.googleapis.com/Gateway"},"severity":"ERROR","timestamp":'
            '"2026-11-21T10:00:00.123Z"}'
        ),
    ),
    advice={
        **ADVICE_OF_ALL,
        "consumer": "`security` with API keys or JWTs in the API's config",
        "host": "a load balancer in front: the gateway logs no host",
    },
    template=(
        f"# {_API_GATEWAY}: requests are logged anyway; this takes them out.\n"
        "gcloud logging read 'resource.type=\"apigateway.googleapis.com/Gateway\"' \\\n"
        "  --format=json > gateway.json\n"
    ),
)
