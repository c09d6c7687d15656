"""Routes: what merges, what must not, and that any text passes through."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.errors import UsageError
from apilog.routes import add_route, classify_paths, parse_rule, parse_rules
from apilog.routes.classify import route_odd_paths
from apilog.routes.plain_paths import route_plain_paths
from apilog.schema import GUESSED_ROUTE
from tests.any_text import any_text

UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def route(path: str | None, *rules: str) -> str | None:
    result: str | None = classify_paths(
        pl.Series([path], dtype=pl.String), parse_rules(rules)
    ).item()
    return result


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/users/123", "/v1/users/{id}"),
        ("/v1/users/123/", "/v1/users/{id}/"),
        ("/v1/users/123/orders/456", "/v1/users/{id}/orders/{id}"),
        ("/1/2/3", "/1/{id}/{id}"),
        ("/12345/2", "/{id}/{id}"),
        ("/api/12345/2", "/api/{id}/{id}"),
        ("/multi/5", "/multi/{id}"),
        ("//1//2", "//{id}//{id}"),
        ("/balance/-5", "/balance/{id}"),
        ("/n/99999999999999999999999999", "/n/{id}"),
        ("/users/123.json", "/users/{id}.json"),
        ("/users/123:cancel", "/users/{id}:cancel"),
        (f"/users/{UUID}", "/users/{uuid}"),
        (f"/users/{UUID.upper()}/x", "/users/{uuid}/x"),
        (f"/users/{UUID}.png", "/users/{uuid}.png"),
        (f"/{UUID}/{UUID}", "/{uuid}/{uuid}"),
        (f"/com/{{{UUID}}}/x", "/com/{uuid}/x"),
        ("/days/2026-11-21", "/days/{date}"),
        ("/days/2026-11-21T10:15:00Z/hours", "/days/{date}/hours"),
        ("/days/2026-11-21T10%3A15%3A00.123%2B02%3A00", "/days/{date}"),
        ("/days/20261121T101500Z", "/days/{date}"),
        ("/users/ann.lee+x@example.co.uk", "/users/{email}"),
        ("/users/ann%40example.com/roles", "/users/{email}/roles"),
        ("/o/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/o/{token}"),
        ("/o/01h455vb4pex5vsknk084sn02q", "/o/{token}"),
        ("/docs/507f1f77bcf86cd799439011", "/docs/{token}"),
        ("/commit/3fad9c21", "/commit/{token}"),
        ("/files/d41d8cd98f00b204e9800998ecf8427e", "/files/{token}"),
        ("/blobs/sha256:" + "0a1b2c3d" * 8, "/blobs/{token}"),
        ("/vpc/i-0abcd1234ef567890", "/vpc/{token}"),
        ("/eth/0x52908400098527886E0F7030069857D2E4169EE7", "/eth/{token}"),
        ("/customers/cus_9s6XKzkNRiz8i3", "/customers/{token}"),
        ("/pay/pi_3MtwBwLkdIwHu7ix28a3tqPa/confirm", "/pay/{token}/confirm"),
        ("/s/V1StGXR8_Z5jdHi6B-myT", "/s/{token}"),
        ("/x/9m4e2mr0ui3e8a215n4g", "/x/{token}"),
        ("/k/AKIA2E0A8F3B244C9986", "/k/{token}"),
        (f"/users/urn:uuid:{UUID}", "/users/{uuid}"),
        ("/phone/%2B4915112345678", "/phone/{id}"),
        ("/orders/ORD-2026-000123", "/orders/{id}"),
        ("/browse/JIRA-4711", "/browse/{id}"),
        ("/issues/AB-1", "/issues/{id}"),
        ("/cve/CVE-2021-44228", "/cve/{id}"),
        ("/isbn/978-3-16-148410-0", "/isbn/{id}"),
        ("/pkg/4.17.21", "/pkg/{version}"),
        ("/tags/v1.0.0-rc.1", "/tags/{version}"),
        ("/ip/192.168.1.10", "/ip/{ip}"),
        ("/ip/10.0.0.0%2F8", "/ip/{ip}"),
        ("/ip/2001:db8::1", "/ip/{ip}"),
        ("/mac/00:1A:2B:3C:4D:5E", "/mac/{token}"),
        ("/list/1,2,3", "/list/{list}"),
        ("/geo/-33.86,151.21/weather", "/geo/{list}/weather"),
        ("/calendar/2024-02", "/calendar/{date}"),
        ("/weeks/2020-W53", "/weeks/{date}"),
        ("/logs-2024.02.29/_search", "/logs-{date}/_search"),
        ("/odata/Products(5)", "/odata/Products({id})"),
        ("/odata/Users('jane')/Name", "/odata/Users({id})/Name"),
        ("/matrix/42;color=red;size=5", "/matrix/{id};{params}"),
        ("/tiles/3/4/2.png", "/tiles/{id}/{id}/{id}.png"),
        ("/js/main.3f2a1b9c.js", "/js/{file}.js"),
        ("/css/2.a3349762.chunk.css", "/css/{file}.chunk.css"),
        ("/assets/index-BXq3kz9A.js", "/assets/{file}.js"),
        ("/files/invoice_0042.pdf", "/files/{file}.pdf"),
        ("/files/Annual%20Report.pdf", "/files/{slug}.pdf"),
        ("/o/images%2Fcat.png", "/o/{slug}.png"),
        ("/names/J%C3%BCrgen", "/names/{slug}"),
        ("/articles/123-how-to-cook", "/articles/{slug}"),
        ("/pods/my-app-7d4b9c6f5d-x2x9z/log", "/pods/{slug}/log"),
        ("/sf/0015000000VALDtAAP", "/sf/{token}"),
        ("/eth/0x1F4", "/eth/{token}"),
        ("/iban/GB29NWBK60161331926819", "/iban/{token}"),
        ("/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w", "/t/{token}"),
    ],
)
def test_identifiers_become_their_kind(path: str, expected: str) -> None:
    assert route(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, None),
        ("", ""),
        ("/", "/"),
        ("*", "*"),
        ("/a/5?next=/b/6", "/a/{id}"),
        ("?x=1", ""),
        ("/a;jsessionid=0A1B2C/5", "/a/{id}"),
        ("/a;v=1/b", "/a;{params}/b"),
        ("http://h.example/a/5", "/a/{id}"),
        ("https://h.example", "/"),
        ("h.example:443", "h.example:443"),
        ("users/5", "users/{id}"),
    ],
)
def test_what_is_not_a_plain_path(path: str | None, expected: str | None) -> None:
    assert route(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        *("/404", "/500", "/404.json", "/404/", "/2010-04-01/Accounts", "/20160918/instances"),
        *("/api/1", "/api/2/x", "/API/3/x", "/rest/api/3/issue", "/api/2024-10-01/items"),
        *("/api/2024/items", "/v0/api/7/x", "/api/2.json", "/admin/api/2024-01/shop.json"),
        *("/1.2.3/x", "/api/v1.1/items", "/api/2.0/items"),
    ],
)
def test_versions_of_an_api_and_pages_stay(path: str) -> None:
    assert route(path) == path
    assert route(f"http://h.example{path}?q=1") == path


KEPT = """
v1 v2.1 v20 1.0 12.5 -1.5 1e5 1_000 me self index en en-US zh-Hans pt_BR de-DE-1996 utf-8
UTF8 deadbeef cafe facade decade face2face feed2026 abba1234 c0ffee 3f2a9c1 deadbeefcafebabe
200x200 1024x768 16x9 1080p 4k mp3 h264 oauth2 oauth2.0 saml2 i18n l10n k8s a11y e2e b2b b2c p2p
s3 ec2 ipv4 ipv6 base64 sha256 md5 web3 log4j utf8mb4 covid-19 covid19 python3 python3.11 php7.4
vue3 x86_64 aarch64 my-blog-post-about-things top-10-restaurants-in-berlin
how-to-get-a-job-in-2024 2024-in-review 2026-11-21-a-day-in-berlin
3-ways-to-4-times-your-5g-speed iphone-15-pro-max-256gb-blue ubuntu-22-04-lts
the-1st-2nd-and-3rd-place-of-2026 windows-11-23h2-release-notes rfc-7231 iso-8601 iso8601
year-2026 getUserById getUserByIdV2Handler1 listAllOrders2Csv createOAuth2AccessToken
ConvertPDFToHTML5Document X509CertificateValidator Base64EncodedStringParser ListObjectsV2
GetS3BucketLocation user_profile_settings_2 user_notification_settings
account_covid19vaccinations payment_method3dsecure report.csv 404.html 500.html
2026.html app.3f2a9c.js main.css jquery-3.7.1.min.js bootstrap.5.3.2.css
logo@2x.png icon@3x.webp @scope @alice react@18.2.0 jquery@3.x vue@3.4.0-beta.rc a@b index.php
favicon.ico robots.txt sitemap.xml apple-touch-icon-120x120.png
coredns-76f75df574-abcde ip-10-0-1-23.ec2.internal node-1 pod-0 web-01
localhost:8080 12:30 lat=52.5 5-9 1..5 a1b2c3 abc123
x1y2z3 SKU12345 A4 B5 F150 GT3RS seven-of-9
50%25 100%-wool c%2B%2B .env .well-known openid-configuration wp-login.php
ISO-8601 UTF-8 SHA-256 COVID-19 12-monkeys 365-days 2001-a-space-odyssey Products() f(x) 1.2.3.4.5
1.1 v1.2.x photo_1.jpg icon-16.png style.min.css 404.php api.v2.json en-US.json
"""


@pytest.mark.parametrize("segment", KEPT.split())
def test_words_slugs_and_names_stay(segment: str) -> None:
    assert route(f"/x/{segment}/y") == f"/x/{segment}/y"


def test_garbage_stays_as_it_is() -> None:
    garbage = "/\x00\x1b[31m/\u202e/\ufffd/../..%00"
    assert route(garbage) == garbage


anything = st.one_of(
    any_text(),
    st.text(alphabet="/0123456789abcdefABCDEF-_.@;:?%{}+~=\n "),
    st.lists(st.sampled_from(["1", "-2", UUID, "a@b.co", "x", "", "2026-11-21", "ab12cd34"])).map(
        lambda parts: "/" + "/".join(parts)
    ),
)


@given(st.lists(st.one_of(st.none(), anything), max_size=5))
def test_classifying_twice_changes_nothing_more(paths: list[str | None]) -> None:
    once = classify_paths(pl.Series(paths, dtype=pl.String))
    assert classify_paths(once).to_list() == once.to_list()


@given(st.lists(anything, max_size=5))
def test_a_route_does_not_depend_on_its_neighbours(paths: list[str]) -> None:
    together = classify_paths(pl.Series(paths, dtype=pl.String)).to_list()
    assert together == [route(path) for path in paths]


@given(any_text(1, without="?;"))
def test_segments_are_only_replaced_never_added_or_lost(text: str) -> None:
    result = route("/" + text)
    assert result is not None
    assert result.count("/") == ("/" + text).count("/")


plain_segment = st.sampled_from(
    [
        "api",
        "API",
        "2",
        "v1",
        "V2.JSON",
        "404",
        "20160918",
        "2024-10",
        "1" * 23,
        "+7",
        " 12",
        "",
        "x",
    ]
    + [UUID, UUID + ".json", UUID + "-x9", UUID + "x", "0123456789abcdef0123", "a" * 16, "3fad9c21"]
    + ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "500000000000abc", "a@b.com", "main.3fad9c21.js", "12:cancel"]
)


@given(st.lists(st.lists(plain_segment, min_size=1, max_size=6), min_size=1, max_size=20))
def test_plain_paths_have_the_routes_that_any_path_has(paths: list[list[str]]) -> None:
    texts = pl.Series(["/" + "/".join(segments) for segments in paths])
    routes = route_plain_paths(texts)
    if routes is not None:
        assert routes.to_list() == route_odd_paths(texts).to_list()


def test_a_version_between_two_apis_counts_for_the_first() -> None:
    assert route_plain_paths(pl.Series(["/api/v1/api/2/api/3"])) is None
    assert route("/api/v1/api/2/api/3") == "/api/v1/api/{id}/api/3"


def test_a_uuid_late_in_a_chunk_is_found_as_well() -> None:
    paths = pl.Series([f"/n/{i}" for i in range(1000)] + [f"/u/{UUID}"])
    assert classify_paths(paths).unique().sort().to_list() == ["/n/{id}", "/u/{uuid}"]


@pytest.mark.parametrize(
    ("rule", "matching", "other"),
    [
        ("/v1/users/{name}", "/v1/users/ann", "/v1/users/ann/orders"),
        ("/v1/users/{name}", "/v1/users/ann/", "/v1/users/"),
        ("/v1/{kind}/{n}/x", "/v1/a/5/x", "/v1/a/x"),
        ("/files/{name}.json", "/files/a.b.json", "/files/a_json"),
        ("/jobs/{id}:run", "/jobs/7:run", "/jobs/7:stop"),
        ("/*/status", "/a/status", "/a/b/status"),
        ("/static/*", "/static/a/b.css", "/statics/a"),
        ("/static/**", "/static/", "/static"),
        ("/docs/{rest*}", "/docs/a/b/c", "/doc"),
        ("/", "/", "/a"),
        ("/a.b/(c|d)/$x", "/a.b/(c|d)/$x", "/aab/c/x"),
        ("/a/{x}", "/a/5?q=1", "/b/5?q=1"),
    ],
)
def test_a_rule_matches_whole_paths(rule: str, matching: str, other: str) -> None:
    assert route(matching, rule) == rule
    assert route(other, rule) != rule


def test_the_first_rule_wins_and_the_rest_is_classified() -> None:
    rules = ("/u/me", "/u/{name}", "/u/{other}")
    assert [route(p, *rules) for p in ("/u/me", "/u/ann", "/n/5")] == [
        "/u/me",
        "/u/{name}",
        "/n/{id}",
    ]


@given(any_text(without="?{}*:;"))
def test_literal_text_of_a_rule_matches_itself_alone(text: str) -> None:
    rule = parse_rule("/" + text)
    assert pl.Series(["/" + text]).str.contains(rule.pattern).item()
    assert not pl.Series(["/" + text + "!"]).str.contains(rule.pattern).item()


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "does not start with /"),
        ("users/{id}", "does not start with /"),
        ("get /users", "does not start with /"),
        ("/users?x={y}", "query string"),
        ("/users/:id", "it has :id"),
        ("/users/{", "belongs to no {name}"),
        ("/users/{}", "belongs to no {name}"),
        ("/users/a}", "belongs to no {name}"),
        ("/a/{rest*}/b", "not a last segment"),
        ("/a/**/b", "not a last segment"),
        ("/a/x{rest*}", "not a last segment"),
    ],
)
def test_a_rule_that_cannot_be_understood_is_refused(rule: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as error:
        parse_rules(["/ok", rule])
    assert error.value.hint


def categorical(values: list[str | None]) -> pl.Series:
    return pl.Series(values, dtype=pl.String).cast(pl.Categorical(pl.Categories.random()))


@pytest.mark.parametrize("encoded", [False, True])
def test_records_get_a_route_column(encoded: bool) -> None:
    paths: list[str | None] = ["/a/1", None, "/b", "/a/2", "/a/1"]
    column = categorical(paths) if encoded else pl.Series(paths)
    records = add_route(pl.DataFrame({"path": column, "n": range(5)}))
    assert records[GUESSED_ROUTE].all()
    assert isinstance(records["route"].dtype, pl.Categorical)
    assert records["route"].cast(pl.String).to_list() == [
        "/a/{id}",
        None,
        "/b",
        "/a/{id}",
        "/a/{id}",
    ]
    assert records["path"].cast(pl.String).to_list() == paths


def test_rows_of_an_encoded_path_may_have_been_filtered_away() -> None:
    records = pl.DataFrame({"path": categorical(["/a/1", "/b", "/c/2"])}).filter(
        pl.Series([False, False, True])
    )
    assert add_route(records)["route"].cast(pl.String).to_list() == ["/c/{id}"]


@pytest.mark.parametrize("encoded", [False, True])
def test_a_route_that_the_gateway_named_stays(encoded: bool) -> None:
    named: list[str | None] = ["/pets/{petId}", None]
    column = categorical(named) if encoded else pl.Series(named)
    records = pl.DataFrame({"path": ["/pets/5", "/pets/6"], "route": column})
    assert add_route(records)[GUESSED_ROUTE].to_list() == [
        None if route is not None else True for route in records["route"]
    ]
    assert add_route(records, parse_rules(["/pets/{x}"]))["route"].cast(pl.String).to_list() == [
        "/pets/{petId}",
        "/pets/{x}",
    ]


def test_records_without_paths_have_no_route() -> None:
    assert add_route(pl.DataFrame({"n": [1, 2]}))["route"].to_list() == [None, None]
    assert add_route(pl.DataFrame({"path": pl.Series([], dtype=pl.String)})).height == 0
    only_named = pl.DataFrame({"route": ["/a", None]})
    assert add_route(only_named)["route"].cast(pl.String).to_list() == ["/a", None]


def test_real_paths_merge_where_they_should(samples: Path) -> None:
    lines = (
        (samples / "nginx" / "tstack-lnav" / "logfile_shop_access_log.0").read_text().splitlines()
    )
    paths = pl.Series([line.split('"')[1].split(" ")[1].split("?")[0] for line in lines])
    routes = classify_paths(paths)
    counts = dict(routes.value_counts().rows())
    assert paths.str.contains(r"^/product/[0-9]+$").sum() == counts["/product/{id}"]
    assert "/image/{id}/productModel/200x200" in counts
    assert routes.n_unique() < paths.n_unique() / 2


@pytest.mark.parametrize("encode", [False, True])
def test_paths_that_hardly_repeat_have_the_routes_that_they_have_alone(encode: bool) -> None:
    texts = [f"/api/{i % 3}/users/{i * 7_919}/orders/{'x' * (i % 5)}?q={i}" for i in range(3_000)]
    paths = pl.Series("path", texts)
    frame = pl.DataFrame([paths.cast(pl.Categorical) if encode else paths])
    routes = add_route(frame)["route"].cast(pl.String).to_list()
    assert routes == [f"/api/{i % 3}/users/{{id}}/orders/{'x' * (i % 5)}" for i in range(3_000)]
