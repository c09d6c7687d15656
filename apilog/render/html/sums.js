// Filters: from the sums that the page carries to the tables of a report, by the formulas of apilog
// (apilog/metrics, apilog/aggregate/finish.py), to the last bit. What a sum can't tell is undecided.
"use strict";
(function () {
  const F = globalThis.apilogFigures || require("./figures.js");
  const T = globalThis.apilogTables || require("./tables.js");
  const SECOND = 1e6;
  const DAY = 86400 * SECOND;
  const PREFIXES = ["latency", "upstream_latency"];
  const SIZES = ["request_bytes", "response_bytes"];
  const KEPT = 0, NOT_FOUND = 1, OTHER_ROUTES = 2;
  const NUMBERED = new Set(["timestamp", "status", "upstream_status"]);
  const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 };

  // The sums in a page: base64 of deflated bytes (see packed_sums.py).
  async function unpackSums(text) {
    const raw = await T.inflate(text);
    const length = new DataView(raw.buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(raw.subarray(4, 4 + length)));
    let at = 4 + length;
    const readColumn = (count, width) => {
      const values = new Float64Array(count);
      for (let plane = 0, scale = 1; plane < width; plane += 1, scale *= 256) {
        for (let i = 0; i < count; i += 1) values[i] += raw[at + i] * scale;
        at += count;
      }
      return values;
    };
    const upper = head.buckets.map((value) => value * head.upperEdge);
    const cubes = head.cubes.map((described) => {
      const columns = {};
      for (const [name, count, width] of described.columns) columns[name] = typeof width === "string" ? columns[width] : readColumn(count, width);
      const cube = readCube(head, described, columns, upper);
      cube.ownMetrics = new Map(head.own.map(([column, ...parts]) => [column, parts]));
      return cube;
    });
    return { ...head, cubes };
  }

  function readCube(head, described, columns, upper) {
    const { rows } = described;
    const cube = { ...described, codes: {}, groupings: new Map(), latencies: {}, sizes: {} };
    for (const key of described.keys) cube.codes[key] = columns[key];
    cube.requests = columns.requests;
    cube.own = Object.keys(columns).filter((name) => name.startsWith("own:")).map((name) => [name.slice(4), columns[name]]);
    cube.named = columns.named;
    const start = (i) => (described.starts ? described.starts[columns.timestamp[i] - 1] : described.base);
    cube.last = columns.last && columns.last.map((v, i) => (v ? start(i) + (v - 1) * described.timeUnit : NaN));
    cube.first = columns.span && columns.span.map((v, i) => cube.last[i] - v * described.timeUnit);
    const statuses = [null, ...head.dictionaries.status];
    cube.status = columns.status.map((code) => statuses[code] || 0);
    for (const name of SIZES) {
      if (columns[name]) cube.sizes[name] = { known: columns.requests.map((n, i) => n - columns[`${name}_missing`][i]), sum: columns[name] };
    }
    for (const prefix of PREFIXES) {
      if (columns[`${prefix}_us`]) cube.latencies[prefix] = readLatency(cube, columns, prefix, described[`${prefix}_unit`], upper, rows);
    }
    return cube;
  }

  function lowerBound(sorted, value) {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] >= value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function readLatency(cube, columns, prefix, unit, upper, rows) {
    const of = (name) => columns[`${prefix}_${name}`];
    const n = cube.requests.map((count, i) => count - of("missing")[i]);
    const [us, min, max] = [new Float64Array(rows), new Float64Array(rows), new Float64Array(rows)];
    const hasExtremes = of("min") !== undefined;
    for (let i = 0, sums = 0, extremes = 0; i < rows; i += 1) {
      if (n[i] > 0) us[i] = of("us")[sums++] * unit;
      if (!hasExtremes) continue;
      min[i] = max[i] = us[i];
      if (n[i] > 1) {
        min[i] = of("min")[extremes] * unit;
        max[i] = min[i] + of("range")[extremes++] * unit;
      }
    }
    return { n, us, min, max, hasExtremes, histogram: of("bucket") && readHistogram(n, min, of, upper) };
  }

  // Which latency buckets the durations of each row are in: steps from the bucket that the shortest
  // one is expected in, and how many.
  function readHistogram(n, min, of, upper) {
    const rows = n.length;
    const start = new Int32Array(rows + 1);
    const bucket = new Int32Array(of("bucket").length);
    const count = new Float64Array(bucket.length);
    let [entry, shared] = [0, 0];
    for (let i = 0; i < rows; i += 1) {
      start[i] = entry;
      let at = Math.min(lowerBound(upper, min[i] / 1000), upper.length - 1);
      for (let left = n[i]; left > 0; entry += 1) {
        const zigzag = of("bucket")[entry];
        at += zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
        bucket[entry] = at;
        count[entry] = n[i] === 1 ? 1 : of("count")[shared++];
        left -= count[entry];
      }
    }
    start[rows] = entry;
    return { start, bucket, count };
  }

  // Microseconds since 1970 of a time as JSON has it; NaN for what is none.
  function parseMicros(text) {
    const match = /^(.*:\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)$/.exec(text || "");
    if (!match) return NaN;
    return Date.parse(match[1] + match[3]) * 1000 + Number((match[2] || "").padEnd(6, "0"));
  }

  const offsets = new Map();

  // The zone's offset from UTC in minutes.
  function offsetMinutes(zone, us) {
    const slot = `${zone} ${Math.floor(us / (900 * SECOND))}`;
    if (!offsets.has(slot)) {
      const format = new Intl.DateTimeFormat("en-US", {
        timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
        hour: "numeric", minute: "numeric", second: "numeric",
      });
      const at = Math.floor(us / SECOND) * 1000;
      const part = Object.fromEntries(format.formatToParts(at).map((p) => [p.type, Number(p.value)]));
      const local = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
      offsets.set(slot, Math.round((local - at) / 60000));
    }
    return offsets.get(slot);
  }

  // A time as JSON has it, in that zone.
  function formatMicros(us, zone) {
    const minutes = zone === "UTC" ? 0 : offsetMinutes(zone, us);
    const seconds = Math.floor(us / SECOND);
    const fraction = us - seconds * SECOND;
    const text = new Date((seconds + minutes * 60) * 1000).toISOString().slice(0, 19);
    const part = fraction ? `.${String(fraction).padStart(6, "0")}` : "";
    if (zone === "UTC") return `${text}${part}Z`;
    const [sign, size] = [minutes < 0 ? "-" : "+", Math.abs(minutes)];
    const two = (number) => String(number).padStart(2, "0");
    return `${text}${part}${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  }

  // From the first to the last time without strays, as find_span of record_times.py; `cells` are
  // of requests, first and last, in order of time.
  function findSpan(cells, fromStart, toEnd) {
    if (!cells.length) return { first: null, last: null, hasStrays: false };
    const total = cells.reduce((sum, cell) => sum + cell.requests, 0);
    let [left, passed] = [0, 0];
    while (2 * (passed + cells[left].requests) < total) passed += cells[left++].requests;
    let right = left;
    if (fromStart) left = 0;
    if (toEnd) right = cells.length - 1;
    let inside = cells.slice(left, right + 1).reduce((sum, cell) => sum + cell.requests, 0);
    while (left > 0 || right < cells.length - 1) {
      const before = left > 0 ? cells[left].first - cells[left - 1].last : null;
      const after = right < cells.length - 1 ? cells[right + 1].first - cells[right].last : null;
      const nearest = Math.min(before ?? Infinity, after ?? Infinity);
      if (nearest > Math.max(cells[right].last - cells[left].first, DAY)) {
        let most = Math.floor(total / 1000);
        if (nearest > 365 * DAY) most = Math.max(most, Math.min(2, Math.floor(total / 20)));
        if (total - inside <= most) break;
      }
      if (before !== null && (after === null || before <= after)) inside += cells[--left].requests;
      else inside += cells[++right].requests;
    }
    const hasStrays = left > 0 || right < cells.length - 1;
    return { first: cells[left].first, last: cells[right].last, hasStrays };
  }

  // The columns that a filter is about.
  function filterKeys(filter) {
    const keys = ["gateway", "route", "consumer"].filter((key) => filter[key] !== undefined);
    return filter.since !== null || filter.until !== null ? [...keys, "timestamp"] : keys;
  }

  // The state of a fragment as a filter: instants in microseconds, and limits of the status.
  function readFilter(sums, state, given) {
    const problems = [];
    const edge = (name) => {
      if (state[name] === undefined) return null;
      const us = parseMicros(state[name]);
      const isEdge = sums.starts.includes(us) || us === sums.ends[sums.ends.length - 1];
      if (!isEdge) problems.push(`${name} is no edge of the steps of ${sums.step} that the page has`);
      return us;
    };
    const filter = { since: edge("since"), until: edge("until"), status: null };
    if (filter.since !== null && filter.until !== null && filter.since >= filter.until) problems.push("the range of times is empty");
    for (const key of ["gateway", "route", "consumer"]) if (state[key] !== undefined) filter[key] = state[key];
    if (state.status !== undefined) {
      const match = /^([1-9])xx$|^(\d{3})$/.exec(state.status);
      if (!match) problems.push("a status is a class such as 5xx, or a number");
      else filter.status = match[1] ? [match[1] * 100, match[1] * 100 + 100] : [Number(match[2]), Number(match[2]) + 1];
    }
    const later = (a, b) => (a === null ? b : b === null ? a : Math.max(a, b));
    const earlier = (a, b) => (a === null ? b : b === null ? a : Math.min(a, b));
    filter.windowSince = later(filter.since, given.since);
    filter.windowUntil = earlier(filter.until, given.until);
    return { filter, problems };
  }

  // The rows of a cube that a filter leaves; null if its buckets of time are cut by it.
  function selectRows(sums, cube, filter) {
    const isWanted = (key) => {
      const codes = cube.codes[key];
      const wanted = sums.dictionaries[key].indexOf(filter[key]) + 1;
      return (i) => wanted > 0 && codes[i] === wanted;
    };
    const tests = ["gateway", "route", "consumer"].filter((key) => filter[key] !== undefined).map(isWanted);
    if (filter.status) tests.push((i) => cube.status[i] >= filter.status[0] && cube.status[i] < filter.status[1]);
    if (filter.since !== null || filter.until !== null) {
      const inside = [false];
      for (let b = 0; b < cube.starts.length; b += 1) {
        const [start, end] = [cube.starts[b], cube.ends[b]];
        for (const limit of [filter.since, filter.until]) if (limit !== null && start < limit && limit < end) return null;
        inside.push((filter.since === null || start >= filter.since) && (filter.until === null || start < filter.until));
      }
      tests.push((i) => inside[cube.codes.timestamp[i]]);
    }
    const rows = new Int32Array(cube.rows);
    let count = 0;
    for (let i = 0; i < cube.rows; i += 1) if (tests.every((test) => test(i))) rows[count++] = i;
    return rows.subarray(0, count);
  }

  // What becomes of each route among these rows: kept, never found, or beyond the most routes.
  function foldRoutes(sums, cube, rows) {
    const routes = sums.dictionaries.route;
    const size = routes.length + 2;
    const [requests, notFound, named] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
    for (const i of rows) {
      const code = cube.codes.route[i];
      requests[code] += cube.requests[i];
      named[code] += cube.named[i];
      if (cube.status[i] === 404) notFound[code] += cube.requests[i];
    }
    const folds = new Uint8Array(size);
    const known = new Set(sums.knownRoutes);
    const guessed = [];
    for (let code = 1; code <= routes.length; code += 1) {
      if (!requests[code] || named[code] || known.has(routes[code - 1])) continue;
      if (requests[code] === notFound[code]) folds[code] = NOT_FOUND;
      guessed.push(code);
    }
    folds[size - 1] = NOT_FOUND;
    guessed.sort((a, b) => requests[b] - requests[a] || a - b);
    guessed.filter((code) => folds[code] === KEPT).slice(sums.maxRoutes).forEach((code) => { folds[code] = OTHER_ROUTES; });
    return folds;
  }

  // The number of each row's group by some keys, for all rows of a cube; made once.
  function groupRows(sums, cube, keys) {
    const name = JSON.stringify(keys);
    if (!cube.groupings.has(name)) {
      const ids = new Int32Array(cube.rows);
      const samples = [];
      const found = new Map();
      for (let i = 0; i < cube.rows; i += 1) {
        let code = 0;
        for (const key of keys) code = code * ((key === "timestamp" ? cube.starts.length : sums.dictionaries[key].length) + 2) + cube.codes[key][i];
        let id = found.get(code);
        if (id === undefined) {
          id = samples.length;
          found.set(code, id);
          samples.push(i);
        }
        ids[i] = id;
      }
      cube.groupings.set(name, { ids, samples });
    }
    return cube.groupings.get(name);
  }

  // The groups of these rows as a table shows them, with folded routes as one.
  function shownGroups(sums, cube, rows, keys, placeTime) {
    const { ids, samples } = groupRows(sums, cube, keys);
    const folds = keys.includes("route") ? foldRoutes(sums, cube, rows) : null;
    const groupOf = new Int32Array(samples.length).fill(-1);
    const found = new Map();
    const groups = [];
    for (const i of rows) {
      if (groupOf[ids[i]] >= 0) continue;
      let fold = KEPT;
      const key = keys.map((name) => {
        const code = cube.codes[name][i];
        if (name === "timestamp") return code ? placeTime(cube.starts[code - 1]) : null;
        if (name === "route" && folds[code] !== KEPT) {
          fold = folds[code];
          return fold === NOT_FOUND ? "(not found)" : "(other)";
        }
        return code ? sums.dictionaries[name][code - 1] : null;
      });
      const name = JSON.stringify([fold, key]);
      if (!found.has(name)) {
        found.set(name, groups.length);
        groups.push({ key, fold });
      }
      groupOf[ids[i]] = found.get(name);
    }
    return { groups, rowGroup: (i) => groupOf[ids[i]] };
  }

  // Rank the groups and sum up those beyond the most in one; return them in order.
  function rankGroups(table, groups, requests, maxRows) {
    const order = groups.map((_, i) => i);
    const byKeys = (a, b) => {
      for (let k = 0; k < table.keys.length; k += 1) {
        const difference = F.compareKeys(groups[a].key[k], groups[b].key[k]);
        if (difference) return difference;
      }
      return groups[a].fold - groups[b].fold;
    };
    order.sort((a, b) => requests[b] - requests[a] || byKeys(a, b));
    const isCapped = table.keys.some((key) => !NUMBERED.has(key));
    const kept = isCapped ? order.slice(0, maxRows) : order;
    const rest = order.slice(kept.length);
    if (table.keys.length && table.keys.every((key) => NUMBERED.has(key)) && table.byKeys) kept.sort(byKeys);
    return { kept, rest };
  }

  function emptySums(cube) {
    const latency = (prefix) => {
      const known = cube.latencies[prefix];
      return { isKnown: Boolean(known), hasExtremes: Boolean(known && known.hasExtremes), n: 0, us: 0, min: Infinity, max: -Infinity };
    };
    const size = (name) => ({ isKnown: Boolean(cube.sizes[name]), known: 0, sum: 0 });
    return {
      requests: 0, client: 0, server: 0, last: cube.last ? -Infinity : undefined,
      sizes: { request_bytes: size("request_bytes"), response_bytes: size("response_bytes") },
      latencies: { latency: latency("latency"), upstream_latency: latency("upstream_latency") },
      own: new Map(cube.own.map(([name]) => [name, 0])),
      ownMetrics: cube.ownMetrics,
    };
  }

  // Add up these rows into lines; `lineOf` gives a row's line, or -1.
  function addRows(cube, rows, lineOf, lines) {
    for (const i of rows) {
      const at = lineOf(i);
      if (at < 0) continue;
      const line = lines[at];
      line.requests += cube.requests[i];
      if (cube.status[i] >= 400 && cube.status[i] < 500) line.client += cube.requests[i];
      else if (cube.status[i] >= 500 && cube.status[i] < 600) line.server += cube.requests[i];
      if (cube.last && cube.last[i] > line.last) line.last = cube.last[i];
      for (const [name, values] of cube.own) line.own.set(name, line.own.get(name) + values[i]);
      for (const name of SIZES) {
        if (!cube.sizes[name]) continue;
        line.sizes[name].known += cube.sizes[name].known[i];
        line.sizes[name].sum += cube.sizes[name].sum[i];
      }
      for (const prefix of PREFIXES) {
        const latency = cube.latencies[prefix];
        if (!latency || !latency.n[i]) continue;
        const sum = line.latencies[prefix];
        sum.n += latency.n[i];
        sum.us += latency.us[i];
        if (latency.min[i] < sum.min) sum.min = latency.min[i];
        if (latency.max[i] > sum.max) sum.max = latency.max[i];
      }
    }
  }

  // Quantiles of each line: the value at rank floor(q·(n−1)), never outside of the extremes.
  function addQuantiles(sums, cube, rows, lineOf, lines, prefix) {
    const latency = cube.latencies[prefix];
    const { histogram } = latency;
    const size = sums.buckets.length;
    const ofLine = lines.map(() => []);
    for (const i of rows) {
      const at = lineOf(i);
      if (at >= 0 && latency.n[i]) ofLine[at].push(i);
    }
    const counts = new Float64Array(size);
    lines.forEach((line, at) => {
      const sum = line.latencies[prefix];
      if (!ofLine[at].length) return;
      counts.fill(0);
      let [n, min, max] = [0, Infinity, -Infinity];
      for (const i of ofLine[at]) {
        n += latency.n[i];
        min = Math.min(min, latency.min[i]);
        max = Math.max(max, latency.max[i]);
        for (let e = histogram.start[i]; e < histogram.start[i + 1]; e += 1) counts[histogram.bucket[e]] += histogram.count[e];
      }
      let [low, high] = [min / 1000, max / 1000];
      if (!(low >= 0.1)) low -= 0.0005;
      if (!(high >= 0.1)) high += 0.0005;
      const ranks = Object.entries(QUANTILES).map(([name, q]) => [name, Math.floor(q * (n - 1))]);
      let [bucket, upto] = [0, counts[0]];
      for (const [name, rank] of ranks) {
        while (upto <= rank) upto += counts[++bucket];
        sum[name] = Math.min(Math.max(sums.buckets[bucket], low), high);
      }
    });
  }

  // A metric of one line; undefined for what the sums don't tell.
  function metricOf(name, line, seconds, zone) {
    const ratio = (part) => (line.requests > 0 ? part / line.requests : null);
    switch (name) {
      case "requests": return line.requests;
      case "request_rate": return seconds > 0 ? line.requests / seconds : null;
      case "errors": return line.client + line.server;
      case "error_rate": return ratio(line.client + line.server);
      case "client_errors": return line.client;
      case "client_error_rate": return ratio(line.client);
      case "server_errors": return line.server;
      case "server_error_rate": return ratio(line.server);
      case "last_seen": return line.last === undefined ? undefined : line.last > -Infinity ? formatMicros(line.last, zone) : null;
      case "request_bytes":
      case "response_bytes": return !line.sizes[name].isKnown ? undefined : line.sizes[name].known > 0 ? line.sizes[name].sum : null;
      case "consumers": return line.consumers;
      default: {
        const match = /^(latency|upstream_latency)_(mean|min|max|p50|p90|p95|p99)_ms$/.exec(name);
        if (!match) return ownMetricOf(name, line);
        const sum = line.latencies[match[1]];
        if (/^p/.test(match[2])) return sum[match[2]] ?? null;
        if (!sum.isKnown || (match[2] !== "mean" && !sum.hasExtremes)) return undefined;
        if (!sum.n) return null;
        if (match[2] === "mean") return sum.us / (sum.n * 1000);
        return sum[match[2]] / 1000;
      }
    }
  }

  // A metric of one's own: a sum, or the quotient of two.
  function ownMetricOf(name, line) {
    const parts = line.ownMetrics.get(name);
    if (!parts) return undefined;
    const [above, below, scale] = parts;
    const sumOf = (part) => (part === "requests" ? line.requests : line.own.get(part));
    const [total, divisor] = [sumOf(above), below === "" ? 1 : sumOf(below)];
    if (total === undefined || divisor === undefined) return undefined;
    if (below === "") return total;
    return divisor ? total / (divisor * scale) : null;
  }

  // Tables about everything, which no sum tells of a part.
  const WHOLE = new Set(["anomalies", "coverage", "deprecated"]);

  // Everything that a filter makes of a report. `tables` describe keys and columns; `given` are the
  // limits of time of the report itself, in microseconds or null.
  function filterReport(sums, tables, state, given) {
    const { filter, problems } = readFilter(sums, state, given);
    const result = { tables: {}, problems, window: null, requests: null };
    if (problems.length) {
      for (const table of tables) result.tables[table.name] = { rows: [], undecided: true };
      return result;
    }
    const selected = new Map();
    const selection = (cube) => {
      if (!selected.has(cube)) selected.set(cube, selectRows(sums, cube, filter));
      return selected.get(cube);
    };
    const needed = filterKeys(filter);
    const find = (keys, isTimed, isFit = () => true) => sums.cubes.find((cube) =>
      [...keys, ...needed].every((key) => cube.keys.includes(key)) &&
      (!isTimed || cube.step === sums.step) && isFit(cube) && selection(cube));
    const window = findWindow(sums, filter, find, selection);
    result.window = window;
    for (const table of tables) {
      result.tables[table.name] = filterTable({ sums, table, find, selection, window });
    }
    const total = find([], false);
    if (total) result.requests = selection(total).reduce((sum, i) => sum + total.requests[i], 0);
    return result;
  }

  // The window of the report: the limits given, else the first and the last record without strays.
  function findWindow(sums, filter, find, selection) {
    const [since, until] = [filter.windowSince, filter.windowUntil];
    const length = (a, b) => (a === null || b === null ? null : (b - a) / SECOND);
    if (since !== null && until !== null) return { since, until, end: until, seconds: length(since, until) };
    const timed = find(["timestamp"], false, (cube) => cube.first);
    const cube = timed || find([], false, (cube) => cube.first);
    if (!cube) return null;
    const cells = new Map();
    for (const i of selection(cube)) {
      if (Number.isNaN(cube.last[i])) continue;
      const at = timed ? cube.codes.timestamp[i] : 0;
      const cell = cells.get(at) || { at, requests: 0, first: Infinity, last: -Infinity };
      cell.requests += cube.requests[i];
      cell.first = Math.min(cell.first, cube.first[i]);
      cell.last = Math.max(cell.last, cube.last[i]);
      cells.set(at, cell);
    }
    const span = findSpan([...cells.values()].sort((a, b) => a.at - b.at), since !== null, until !== null);
    // Without times nobody knows of gaps; in less than a day there are none that count.
    if (!timed && span.last - span.first > DAY && mayHaveStrays(find(["timestamp"], false), selection)) return null;
    const [from, to] = [since ?? span.first, until ?? span.last];
    const end = until ?? (to === null ? null : to + 1);
    return { since: from, until: to, end, seconds: length(from, to), span };
  }

  // Whether some of these requests may be strays, by what is known of buckets alone: the requests of
  // each as far from those of the others as may be.
  function mayHaveStrays(cube, selection) {
    if (!cube) return true;
    const requests = new Float64Array(cube.starts.length + 1);
    for (const i of selection(cube)) requests[cube.codes.timestamp[i]] += cube.requests[i];
    const cells = cube.starts.map((start, b) => ({ requests: requests[b + 1], first: cube.ends[b], last: start }));
    return findSpan(cells.filter((cell) => cell.requests), false, false).hasStrays;
  }

  function filterTable({ sums, table, find, selection, window }) {
    if (WHOLE.has(table.name)) return { rows: [], undecided: true };
    const isTimed = table.keys.includes("timestamp");
    const cube = find(table.keys, isTimed);
    if (!cube || (isTimed && !window)) return { rows: [], undecided: true };
    const rows = selection(cube);
    const edges = isTimed && window.span && window.span.hasStrays ? [window.since, window.until] : null;
    const placeTime = (start) => {
      const at = lowerBound(sums.starts, start);
      if (edges && (sums.ends[at] <= edges[0] || start > edges[1])) return null;
      return sums.times[at];
    };
    const { groups, rowGroup } = shownGroups(sums, cube, rows, table.keys, placeTime);
    const lines = groups.map(() => emptySums(cube));
    addRows(cube, rows, rowGroup, lines);
    const keep = keptGroups(table, groups);
    const order = rankGroups(table, keep.map((g) => groups[g]), keep.map((g) => lines[g].requests), sums.maxRows);
    const lineOf = new Int32Array(groups.length).fill(-1);
    order.kept.forEach((g, at) => { lineOf[keep[g]] = at; });
    order.rest.forEach((g) => { lineOf[keep[g]] = order.kept.length; });
    const shown = order.kept.map((g) => ({ ...groups[keep[g]], sums: lines[keep[g]] }));
    if (order.rest.length) {
      const key = table.keys.map((name) => (NUMBERED.has(name) ? null : "(other)"));
      shown.push({ key, sums: emptySums(cube), isOther: true });
      const last = order.kept.length;
      addRows(cube, rows, (i) => (lineOf[rowGroup(i)] === last ? 0 : -1), [shown[last].sums]);
    }
    if (!table.keys.length && !shown.length) shown.push({ key: [], fold: KEPT, sums: emptySums(cube) });
    const all = table.name === "traffic" ? addEmptyBuckets(sums, window, shown, () => emptySums(cube)) : shown;
    const parts = { sums, table, find, selection, shown, placeTime };
    const undecided = new Set([...countConsumers(parts), ...findQuantiles(parts)]);
    return finishRows({ sums, table, window, lines: all, undecided });
  }

  // Which line each row of another cube is in: what has no line of its own is in that of the others.
  function linesOf({ sums, table, shown, placeTime }, cube, rows) {
    const { groups, rowGroup } = shownGroups(sums, cube, rows, table.keys, placeTime);
    const name = (line) => JSON.stringify([line.fold, line.key]);
    const lineOf = new Map(shown.map((line, at) => [name(line), at]));
    const other = shown.findIndex((line) => line.isOther);
    const kept = new Set(keptGroups(table, groups));
    const places = groups.map((group, at) => (kept.has(at) ? (lineOf.get(name(group)) ?? other) : -1));
    return (i) => places[rowGroup(i)];
  }

  const hasHistogram = (cube) => Object.values(cube.latencies).some((latency) => latency.histogram);

  function findQuantiles(parts) {
    const { sums, table, find, selection, shown } = parts;
    const isQuantile = (name) => /latency_p\d\d_ms$/.test(name);
    if (!table.columns.some((c) => isQuantile(c.name))) return [];
    const cube = find(table.keys, table.keys.includes("timestamp"), hasHistogram);
    if (!cube) return table.columns.map((c) => c.name).filter(isQuantile);
    const rows = selection(cube);
    const lineOf = linesOf(parts, cube, rows);
    const lines = shown.map((line) => line.sums);
    for (const prefix of PREFIXES) {
      const isShown = table.columns.some((c) => c.name.startsWith(`${prefix}_p`));
      if (isShown && cube.latencies[prefix]) addQuantiles(sums, cube, rows, lineOf, lines, prefix);
    }
    return [];
  }

  // The requests of each row of a table in at most so many steps of time, by the row's key; empty
  // where no cube tells.
  function countOverTime(sums, table, state, most) {
    const { filter, problems } = readFilter(sums, state, { since: null, until: null });
    const counts = new Map();
    const wanted = [...table.keys, "timestamp", ...filterKeys(filter)];
    const cube = sums.cubes.find((one) => wanted.every((key) => one.keys.includes(key)));
    const rows = cube && !problems.length ? selectRows(sums, cube, filter) : null;
    if (!rows || cube.starts.length < 2) return counts;
    const { groups, rowGroup } = shownGroups(sums, cube, rows, table.keys, () => null);
    // Empty steps have no requests, and so no start of their own.
    const first = cube.starts[0];
    const step = cube.starts.reduce((least, start, i) => (i ? Math.min(least, start - cube.starts[i - 1]) : least), Infinity);
    const length = step * Math.ceil((cube.starts[cube.starts.length - 1] - first + step) / step / most);
    const size = Math.floor((cube.starts[cube.starts.length - 1] - first) / length) + 1;
    const lines = groups.map((group) => {
      const key = JSON.stringify(group.key);
      if (!counts.has(key)) counts.set(key, new Array(size).fill(0));
      return counts.get(key);
    });
    for (const i of rows) {
      const code = cube.codes.timestamp[i];
      if (code) lines[rowGroup(i)][Math.floor((cube.starts[code - 1] - first) / length)] += cube.requests[i];
    }
    return counts;
  }

  // The groups that the table shows: of errors only those that are some.
  function keptGroups(table, groups) {
    const all = groups.map((_, i) => i);
    if (table.name !== "errors") return all;
    const at = table.keys.indexOf("status");
    return all.filter((i) => groups[i].key[at] >= 400 && groups[i].key[at] < 600);
  }

  function addEmptyBuckets(sums, window, shown, empty) {
    const present = new Map(shown.map((line) => [line.key[0], line]));
    const lines = [];
    if (window.since !== null && window.end !== null) {
      sums.starts.forEach((start, i) => {
        if (sums.ends[i] <= window.since || start >= window.end) return;
        lines.push(present.get(sums.times[i]) || { key: [sums.times[i]], sums: empty() });
      });
    }
    return present.has(null) ? [...lines, present.get(null)] : lines;
  }

  // Count the distinct consumers of each line, from a cube that tells them; else they are undecided.
  function countConsumers(parts) {
    const { table, find, selection, shown } = parts;
    if (!table.columns.some((c) => c.name === "consumers")) return [];
    const cube = find([...table.keys, "consumer"], table.keys.includes("timestamp"));
    if (!cube) return ["consumers"];
    const rows = selection(cube);
    const lineOf = linesOf(parts, cube, rows);
    const sets = shown.map(() => new Set());
    for (const i of rows) if (cube.codes.consumer[i] && lineOf(i) >= 0) sets[lineOf(i)].add(cube.codes.consumer[i]);
    shown.forEach((line, at) => { line.sums.consumers = sets[at].size || null; });
    return [];
  }

  function finishRows({ sums, table, window, lines, undecided }) {
    const unknown = new Set(undecided);
    if (!window) unknown.add("request_rate");
    const time = table.keys.indexOf("timestamp");
    const rows = lines.map((line) => {
      let seconds = window && window.seconds;
      if (time >= 0 && window && !line.isOther) {
        const at = line.key[time] === null ? -1 : sums.times.indexOf(line.key[time]);
        seconds = at < 0 ? null : (Math.min(sums.ends[at], window.until) - Math.max(sums.starts[at], window.since)) / SECOND;
      }
      const row = {};
      table.keys.forEach((key, i) => { row[key] = line.key[i]; });
      for (const { name } of table.columns) {
        const value = unknown.has(name) ? undefined : metricOf(name, line.sums, seconds, sums.zone);
        if (value === undefined) unknown.add(name);
        row[name] = value === undefined ? null : value;
      }
      return row;
    });
    return { rows, undecided: unknown };
  }

  const exported = { WHOLE, unpackSums, filterReport, countOverTime, findSpan, formatMicros, parseMicros };
  globalThis.apilogSums = exported;
  if (typeof module !== "undefined") module.exports = exported;
})();
