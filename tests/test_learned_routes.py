"""Templates learned from traffic: what merges, what stays apart, and that order decides nothing."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.aggregate import PartialState, ReportPlan, finish, merge, partial, select_tables
from apilog.routes import LearnedPosition, RouteTemplates, classify_paths, learn_templates
from apilog.routes.positions import Evidence
from apilog.schema import GUESSED_ROUTE, READ_COLUMNS
from tests.examples import about

START = datetime(2026, 11, 20, tzinfo=UTC)
NAMES = [f"{a}{b}" for a in ("am", "bro", "cli", "do", "fen") for b in "nmrstlkv"]
SLUGS = [f"{a}-{b}" for a in NAMES[::2] for b in NAMES[1::3]]


def learned(counts: dict[str, int]) -> dict[str, str]:
    """What becomes of these routes, each with so many requests that were found."""
    schema = {"route": pl.String, "found": pl.Int64}
    frame = pl.DataFrame({"route": [*counts], "found": [*counts.values()]}, schema=schema)
    templates = learn_templates(frame)
    return dict(zip(counts, templates.rename(frame["route"]), strict=True))


def many(pattern: str, values: list[str], requests: int = 1) -> dict[str, int]:
    return {pattern.format(value): requests for value in values}


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        ("/products/{}", "/products/{value}"),
        ("/products/{}.js", "/products/{value}.js"),
        ("/blog/{}/", "/blog/{value}/"),
        ("/users/{}/repos", "/users/{value}/repos"),
        ("/v1/users/{}/repos/{{id}}", "/v1/users/{value}/repos/{id}"),
        ("/@{}/feed", "/@{value}/feed"),
    ],
)
def test_many_rare_values_are_one_parameter(pattern: str, template: str) -> None:
    assert set(learned(many(pattern, SLUGS)).values()) == {template}


def test_frequent_siblings_stay_apart() -> None:
    counts = many("/members/{}", SLUGS) | {"/members/plans": 300, "/members/{uuid}/x": 9}
    routes = learned(counts | {"/members/me": 2})
    assert routes["/members/plans"] == "/members/plans"
    assert routes["/members/me"] == "/members/me"
    assert routes["/members/{uuid}/x"] == "/members/{uuid}/x"
    assert routes[f"/members/{SLUGS[0]}"] == "/members/{value}"


@pytest.mark.parametrize(
    "counts",
    [
        many("/api/{}", NAMES, requests=50),
        many("/v1/{}", NAMES[:20]),
        many("/{}", NAMES + SLUGS[:90], requests=2),
        many("/api/v{}", [str(i) for i in range(40)]),
        many("/api/{}/items", [f"2024-{m:02}-01" for m in range(1, 13)]),
        many("/rpc/get{}Thing", [name.title() for name in NAMES * 3]),
        many("/api/chat.{}Message", NAMES * 3),
    ],
)
def test_few_steady_or_literal_segments_stay(counts: dict[str, int]) -> None:
    assert all(route == template for route, template in learned(counts).items())


def test_what_nobody_found_teaches_nothing() -> None:
    assert all(route == to for route, to in learned(many("/old/{}", SLUGS, 0)).items())


def test_random_text_joins_its_kind() -> None:
    rng = random.Random(5)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    ids = ["".join(rng.choices(alphabet, k=20)) for _ in range(400)]
    looks = classify_paths(pl.Series([f"/docs/{i}" for i in ids])).cast(pl.String)
    counts = dict(looks.value_counts().rows())
    assert len(counts) > 10
    assert set(learned(counts | {"/docs/latest": 3}).values()) == {"/docs/{token}", "/docs/latest"}


def test_numbered_names_are_one() -> None:
    counts = many("/hosts/{}/load", [f"node-{i}.dc{i % 3}" for i in range(60)], requests=40)
    assert set(learned(counts).values()) == {"/hosts/{value}/load"}


def test_templates_are_kept_as_text_and_go_on_from_what_is_known() -> None:
    frame = pl.DataFrame({"route": [f"/shop/{s}" for s in SLUGS], "found": 1})
    templates = learn_templates(frame)
    assert RouteTemplates.load(json.dumps(json.loads(templates.dump()))) == templates
    later = pl.DataFrame({"route": ["/shop/new-thing", "/other/x"], "found": [1, 1]})
    again = learn_templates(later, templates)
    assert again == templates
    assert again.rename(later["route"]).to_list() == ["/shop/{value}", "/other/x"]
    assert again.rename(pl.Series([None, "", "*", "/shop/{value}"])).to_list() == [
        *(None, "", "*", "/shop/{value}")
    ]


segments = st.sampled_from([*SLUGS[:40], *NAMES, "me", "{id}", "{token}", "v1", "api", "", "@a"])
counted = st.dictionaries(
    st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.integers(0, 60),
    max_size=120,
)


@given(counted, st.randoms(use_true_random=False))
@settings(max_examples=about(60))
def test_the_order_of_routes_decides_nothing(counts: dict[str, int], rng: random.Random) -> None:
    pairs = list(counts.items())
    rng.shuffle(pairs)
    assert learned(dict(pairs)) == learned(counts)


@given(counted)
@settings(max_examples=about(40))
def test_renaming_twice_changes_nothing_more(counts: dict[str, int]) -> None:
    frame = pl.DataFrame(
        {"route": [*counts], "found": [*counts.values()]},
        schema={"route": pl.String, "found": pl.Int64},
    )
    templates = learn_templates(frame)
    once = templates.rename(frame["route"])
    assert templates.rename(once).to_list() == once.to_list()


PLAN = ReportPlan(tables=select_tables(["endpoints", "errors"], (), ()))


def records(paths: list[str], statuses: list[int]) -> pl.DataFrame:
    count = len(paths)
    columns: dict[str, Any] = {
        "timestamp": [START] * count,
        "method": ["GET"] * count,
        "route": classify_paths(pl.Series(paths)).cast(pl.String),
        "status": statuses,
        GUESSED_ROUTE: [True] * count,
    }
    schema = {c: READ_COLUMNS[c] for c in PLAN.columns}
    return pl.DataFrame(
        {c: columns.get(c, [None] * count) for c in schema}, schema=schema, strict=False
    )


def endpoints(states: list[PartialState], plan: ReportPlan = PLAN) -> dict[str, int]:
    table = finish(plan, merge(plan, states)).tables["endpoints"]
    return dict(table.select("route", "requests").iter_rows())


@given(st.randoms(use_true_random=False), st.integers(1, 7))
@settings(max_examples=about(15))
def test_chunks_in_any_order_give_the_same_tables(rng: random.Random, parts: int) -> None:
    lines = [(f"/shop/{slug}/reviews", 200) for slug in SLUGS] + [("/shop/cart/reviews", 200)] * 90
    lines += [(f"/old/{slug}", 404) for slug in SLUGS[:30]]
    whole = endpoints([partial(PLAN, records(*map(list, zip(*lines, strict=True))))])
    assert whole == {
        "/shop/{value}/reviews": len(SLUGS),
        "/shop/cart/reviews": 90,
        "(not found)": 30,
    }
    rng.shuffle(lines)
    chunks = [lines[i::parts] for i in range(parts)]
    states = [partial(PLAN, records(*map(list, zip(*chunk, strict=True)))) for chunk in chunks]
    while len(states) > 1 and rng.random() < 0.7:
        a, b = states.pop(), states.pop(rng.randrange(len(states)))
        states.append(merge(PLAN, [a, b]))
    assert endpoints(states) == whole


@pytest.mark.slow
def test_more_values_than_keys_are_kept_still_count_as_one() -> None:
    plan = ReportPlan(tables=PLAN.tables, max_keys=500)
    chunks = [
        records([f"/shop/item-{i}-{part}x{i}" for i in range(400)], [200] * 400)
        for part in range(6)
    ]
    states = [partial(plan, chunk) for chunk in chunks]
    assert endpoints(states, plan) == {"/shop/{value}": 2400}


def test_a_gateway_names_and_known_routes_never_merge() -> None:
    frame = records([f"/shop/{slug}" for slug in SLUGS], [200] * len(SLUGS))
    plan = ReportPlan(tables=PLAN.tables, known_routes=frozenset({f"/shop/{SLUGS[0]}"}))
    routes = endpoints([partial(plan, frame)], plan)
    assert routes == {f"/shop/{SLUGS[0]}": 1, "/shop/{value}": len(SLUGS) - 1}


SEGMENTS = [
    *("me", "jane", "search", "a.html", "b.js", ".html", "@jane", "~bob", "@", "@.html", "a:run"),
    *("{id}", "{uuid}.json", "Products({id})", "a;{params}", "v1", "2", "2024-10", "api", ""),
    *("x1", "x22", "node-3", "$", "*", "\u00e9", "a\n", "2\n", "b.js\n", "{value}"),
]
POSITIONS = st.builds(
    LearnedPosition,
    prefix=st.lists(st.sampled_from(["api", "{id}", "{value}", "me", ""]), max_size=3).map(
        lambda segments: "".join(f"/{s}" for s in segments)
    ),
    name=st.sampled_from(["{value}", "{id}", "@{value}", "~{id}"]),
    tails=st.frozensets(st.sampled_from(["$", "*", *SEGMENTS]), max_size=6),
    literals=st.frozensets(st.sampled_from(SEGMENTS), max_size=4),
    is_open=st.booleans(),
    masks=st.frozensets(st.sampled_from(["x#", "node-#", "#"]), max_size=2),
    evidence=st.just(Evidence(1, 1, 1)),
)


def renamed_alone(templates: RouteTemplates, route: str) -> str:
    """A route renamed segment by segment."""
    if not route.startswith("/"):
        return route
    segments = route.split("/")[1:]
    prefix = ""
    for i, segment in enumerate(segments):
        following = segments[i + 1] if i + 1 < len(segments) else None
        key = prefix, segment[:1] if segment[:1] in ("@", "~") else ""
        for position in templates.positions if segment else ():
            if position.key == key:
                segment = position.replace_segment(segment, following) or segment
        prefix = f"{prefix}/{segment}"
    return prefix


@settings(max_examples=about(10))
@given(st.lists(POSITIONS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_column_is_renamed_as_each_route_alone(
    positions: list[LearnedPosition], rng: random.Random
) -> None:
    templates = RouteTemplates.of(positions)
    paths = ["/".join(["", *rng.choices(SEGMENTS, k=rng.randint(0, 5))]) for _ in range(150)]
    paths += [position.prefix + "/" + rng.choice(SEGMENTS) for position in positions]
    routes = pl.Series("route", [*paths, "", "/", "*", "me/jane"])
    expected = [renamed_alone(templates, route) for route in routes]
    assert templates.rename(pl.concat([routes, routes.clear(1)])).to_list() == [*expected, None]
