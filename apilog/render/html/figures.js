// What the page computes, apart from what it draws: values as text, as apilog writes them, and
// the order of rows. Nothing here knows of a document, so that `node --test` can run it.
"use strict";
(function () {
  const NULL = "–";

  // A decimal with so many places, ties to even as Python rounds them.
  function fixed(value, places) {
    const text = value.toFixed(places);
    // Nothing but a tie is rounded in another way, and few numbers are near one.
    if (Math.abs(Math.abs((value * 10 ** places) % 1) - 0.5) > 1e-6) return text;
    const exact = value.toFixed(Math.min(100, places + 40));
    const rest = exact.slice(exact.indexOf(".") + 1 + places);
    if (!/^50*$/.test(rest)) return text;
    const cut = places ? exact.slice(0, exact.indexOf(".") + 1 + places) : exact.split(".")[0];
    return /[02468]$/.test(cut) ? cut : text;
  }

  // Three significant digits without trailing zeros, as Python's `.3g`.
  function threeDigits(value) {
    if (value === 0) return "0";
    const exponent = Number(value.toExponential(2).split("e")[1]);
    if (exponent < -4 || exponent >= 3) {
      const [digits, power] = value.toExponential(2).split("e");
      const sign = power[0] === "-" ? "-" : "+";
      return `${trimZeros(digits)}e${sign}${power.slice(1).padStart(2, "0")}`;
    }
    return trimZeros(fixed(value, 2 - exponent));
  }

  function trimZeros(text) {
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  }

  function groupThousands(text) {
    const [whole, part] = text.split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return part === undefined ? grouped : `${grouped}.${part}`;
  }

  function formatCount(value) {
    return groupThousands(fixed(value, 0));
  }

  function formatScaled(value, suffixes) {
    let scaled = Math.abs(value);
    let power = 0;
    while (scaled >= 999.5 && power < suffixes.length - 1) {
      scaled /= 1000;
      power += 1;
    }
    const digits = power && scaled < 999.5 ? threeDigits(scaled) : formatCount(scaled);
    return `${value < 0 ? "-" : ""}${digits}${suffixes[power]}`;
  }

  function formatBytes(value) {
    return formatScaled(value, [" B", " kB", " MB", " GB", " TB", " PB"]);
  }

  function formatCompact(value) {
    return formatScaled(value, ["", "k", "M", "G", "T"]);
  }

  function negate(text) {
    if (text[0] === "<") return `>-${text.slice(1)}`;
    if (text[0] === ">") return `<-${text.slice(1)}`;
    return `-${text}`;
  }

  function formatRatio(value) {
    if (value < 0) return negate(formatRatio(-value));
    if (value > 0 && value < 0.0001) return "<0.01 %";
    if (value > 0.9999 && value < 1) return ">99.99 %";
    return `${trimZeros(groupThousands(fixed(value * 100, 2)))} %`;
  }

  function formatDuration(ms) {
    if (ms < 0) return negate(formatDuration(-ms));
    if (ms > 0 && ms < 0.001) return "<0.001 ms";
    if (ms < 9.995) return `${threeDigits(ms)} ms`;
    if (ms < 999.5) return `${fixed(ms, 0)} ms`;
    if (ms < 59950) return `${threeDigits(ms / 1000)} s`;
    const seconds = Number(fixed(ms / 1000, 0));
    if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
    const minutes = Number(fixed(seconds / 60, 0));
    if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
    const hours = Number(fixed(seconds / 3600, 0));
    return `${formatCount(Math.floor(hours / 24))}d ${hours % 24}h`;
  }

  // The seconds and name of the shortest span in which there is a request.
  function rateSpan(perSecond) {
    if (!perSecond) return [1, "s"];
    for (const span of [[1, "s"], [60, "min"]]) if (perSecond * span[0] >= 0.9995) return span;
    return [3600, "h"];
  }

  function formatRate(perSecond, span) {
    const rate = perSecond * span[0];
    return `${rate >= 99.95 ? formatCount(rate) : threeDigits(rate)}/${span[1]}`;
  }

  // A time of JSON, `2026-11-20T22:30:00.5+01:00`, to the minute or to the second.
  function formatTime(text, withSeconds) {
    return text.slice(0, withSeconds ? 19 : 16).replace("T", " ");
  }

  function formatNumber(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
    return Number.isInteger(value) ? groupThousands(String(value)) : String(Number(value.toPrecision(6)));
  }

  const FORMATS = {
    count: formatCount,
    ratio: formatRatio,
    ms: formatDuration,
    bytes: formatBytes,
    hours: (value) => formatDuration(value * 3600000),
    days: (value) => formatDuration(value * 86400000),
    money: (value) => groupThousands(fixed(value, 2)),
  };

  // How values of one column become texts, which all have one unit and one span of rates.
  function columnFormat(values, unit) {
    if (unit === "per_second") {
      const span = rateSpan(values.reduce((most, v) => (v > most ? v : most), 0));
      return (v) => (v === null ? NULL : formatRate(v, span));
    }
    if (unit === "time") {
      const seconds = values.some((v) => v !== null && v.slice(17, 19) !== "00");
      return (v) => (v === null ? NULL : formatTime(v, seconds));
    }
    const format = FORMATS[unit] || formatNumber;
    return (v) => formatValue(v, format);
  }

  // A difference with its sign; differences of ratios are percentage points.
  function formatDifference(value, unit) {
    if (value === null) return NULL;
    const text = columnFormat([Math.abs(value)], unit)(Math.abs(value));
    return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${unit === "ratio" ? text.replace(" %", " pp") : text}`;
  }

  function formatColumn(values, unit) {
    return values.map(columnFormat(values, unit));
  }

  function formatValue(value, format) {
    if (value === null || value === undefined) return NULL;
    if (typeof value === "number") return format(value);
    if (typeof value === "boolean") return value ? "yes" : "no";
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  // Texts in the order of their characters' numbers, which is that of UTF-8; nulls last.
  function compareKeys(a, b) {
    if (a === b) return 0;
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    if (typeof a === "number" && typeof b === "number") return a - b;
    const [x, y] = [[...String(a)], [...String(b)]];
    for (let i = 0; i < Math.min(x.length, y.length); i += 1) {
      const difference = x[i].codePointAt(0) - y[i].codePointAt(0);
      if (difference) return difference;
    }
    return x.length - y.length;
  }

  // Rows by one column: nulls last in either direction, ties as they were.
  function sortRows(rows, column, descending) {
    const placed = rows.map((row, i) => [row, i]);
    placed.sort(([a, i], [b, j]) => {
      const [x, y] = [a[column], b[column]];
      if ((x ?? null) === null || (y ?? null) === null) return compareKeys(x, y) || i - j;
      return (descending ? compareKeys(y, x) : compareKeys(x, y)) || i - j;
    });
    return placed.map(([row]) => row);
  }

  // The state in a fragment such as `#since=…&status=5xx`; unknown names are left out.
  const FILTERS = ["since", "until", "gateway", "route", "consumer", "status"];

  function readFragment(fragment) {
    const given = new URLSearchParams(fragment.replace(/^#/, "").replace(/\+/g, "%2B"));
    const state = {};
    for (const name of FILTERS) if (given.has(name) && given.get(name) !== "") state[name] = given.get(name);
    return state;
  }

  function writeFragment(state) {
    return FILTERS.filter((name) => state[name] !== undefined && state[name] !== null && state[name] !== "")
      .map((name) => `${name}=${encodeURIComponent(state[name])}`)
      .join("&");
  }

  const exported = {
    NULL, FILTERS, columnFormat, formatColumn, formatCompact, formatCount, formatDifference, formatDuration, formatRatio,
    formatBytes, formatTime, compareKeys, sortRows, readFragment, writeFragment,
  };
  globalThis.apilogFigures = exported;
  if (typeof module !== "undefined") module.exports = exported;
})();
