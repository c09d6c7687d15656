// Texts of values, the order of rows and the fragment; run by `node --test`.
"use strict";
const assert = require("node:assert");
const path = require("path");
const test = require("node:test");

const html = path.join(__dirname, "../../apilog/render/html");
const F = require(path.join(html, "figures.js"));
const S = require(path.join(html, "sums.js"));

test("a fragment is read and written as it is", () => {
  const state = { since: "2026-11-20T01:00:00+01:00", route: "/a b/{id}&x=1#y", status: "5xx" };
  assert.deepStrictEqual(F.readFragment(`#${F.writeFragment(state)}`), state);
  assert.deepStrictEqual(F.readFragment("#since=2026-11-20T01:00:00+01:00&other=1&route="), { since: "2026-11-20T01:00:00+01:00" });
  assert.strictEqual(F.writeFragment({ route: "" }), "");
});

test("rows sort by a column with nulls last, ties as they were", () => {
  const rows = [{ n: 2, k: "a" }, { n: null, k: "b" }, { n: 3, k: "c" }, { n: 2, k: "d" }];
  const order = (descending) => F.sortRows(rows, "n", descending).map((row) => row.k).join("");
  assert.strictEqual(order(false), "adcb");
  assert.strictEqual(order(true), "cadb");
});

test("texts sort by characters, not by halves of them", () => {
  assert.ok(F.compareKeys("\uffee", "😀") < 0);
  assert.ok(F.compareKeys("b", null) < 0);
});

test("times have the offset that the zone has then", () => {
  const at = S.parseMicros("2026-10-25T00:59:59.000250Z");
  assert.strictEqual(S.formatMicros(at, "UTC"), "2026-10-25T00:59:59.000250Z");
  assert.strictEqual(S.formatMicros(at, "Europe/Berlin"), "2026-10-25T02:59:59.000250+02:00");
  assert.strictEqual(S.formatMicros(at + 1e6, "Europe/Berlin"), "2026-10-25T02:00:00.000250+01:00");
  assert.strictEqual(S.formatMicros(at, "America/St_Johns"), "2026-10-24T22:29:59.000250-02:30");
  assert.ok(Number.isNaN(S.parseMicros("yesterday")));
});

test("strays are left out of the span", () => {
  const day = 86400e6;
  const cells = [{ requests: 1, first: -3650 * day, last: -3650 * day }, { requests: 40, first: 0, last: day / 2 }];
  assert.deepStrictEqual(S.findSpan(cells, false, false), { first: 0, last: day / 2, hasStrays: true });
  assert.strictEqual(S.findSpan(cells, true, false).first, -3650 * day);
  assert.strictEqual(S.findSpan([], false, false).first, null);
});

test("differences have a sign, and of ratios are percentage points", () => {
  const texts = [[0.0038, "ratio"], [-64.2, "ms"], [0, "ratio"], [null, "ms"]].map(([v, u]) => F.formatDifference(v, u));
  assert.deepStrictEqual(texts, ["+0.38 pp", "−64 ms", "±0 pp", "–"]);
});
