// The page: tables that sort and search, charts, filters in the address, all drawn from the JSON in
// the page. Text from a log only ever becomes the text of a node or an attribute that nothing runs.
"use strict";
(function () {
  const F = globalThis.apilogFigures;
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  let report = JSON.parse(byId("apilog-report").textContent);
  const page = JSON.parse(byId("apilog-page").textContent);
  const unsafe = new RegExp(`[${page.unsafe}]`, "gu");
  const MOST_ROWS = 2000;
  const FIRST_ROWS = 50;
  const LONGEST = 300;
  const MOST_TREND = 50;

  // Invisible and steering characters are written out, as on the terminal.
  function visible(text) {
    const safe = text.replace(unsafe, (c) => {
      const code = c.codePointAt(0);
      const named = { 10: "\\n", 13: "\\r", 9: "\\t" }[code];
      if (named) return named;
      if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
      return code < 0x10000
        ? `\\u${code.toString(16).padStart(4, "0")}`
        : `\\U${code.toString(16).padStart(8, "0")}`;
    });
    return safe.length > LONGEST ? `${safe.slice(0, LONGEST)}…` : safe;
  }

  function element(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  }

  function keyText(name, value) {
    if (value === null || value === undefined) return name === "gateway" ? "(unknown)" : F.NULL;
    if (value === "") return '""';
    return visible(String(value));
  }

  function exactText(value) {
    if (value === null || value === undefined) return "";
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  const STATES = { pass: "good", better: "good", fail: "bad", worse: "bad", inconclusive: "warn" };

  function severity(column, value) {
    if (column === "state" || column === "verdict") return STATES[value] || "";
    if (!column.endsWith("error_rate") || value === null || value === undefined) return "";
    if (!value) return "none";
    if (column === "client_error_rate") return value >= 0.05 ? "warn" : "";
    const [warn, bad] = column === "server_error_rate" ? [0.001, 0.01] : [0.01, 0.05];
    return value >= bad ? "bad" : value >= warn ? "warn" : "";
  }

  // Have these children and no others; what stands there already is left alone.
  function place(parent, nodes) {
    const there = parent.childNodes;
    if (there.length === nodes.length && nodes.every((node, i) => there[i] === node)) return;
    parent.replaceChildren(...nodes);
  }

  // One table of the report: its rows, how they are sorted and searched, and its nodes.
  class FigureTable {
    constructor(meta, node, onPick, groupOf) {
      this.meta = meta;
      this.node = node;
      this.body = node.tBodies[0];
      // Further rows are there for programs and for the button; what is hidden costs no layout.
      this.further = element("tbody", { hidden: true });
      node.append(this.further);
      this.isWhole = false;
      this.rest = document.querySelector(`[data-rest="${CSS.escape(meta.name)}"]`);
      this.tools = document.querySelector(`[data-tools="${CSS.escape(meta.name)}"]`);
      this.onPick = onPick;
      this.sort = null;
      this.query = "";
      this.rows = [];
      this.lines = new Map();
      // Lines that a filter took away come back with the next one.
      this.made = new Map();
      this.heads = [...node.tHead.rows[0].cells];
      this.groupOf = groupOf;
      this.isGrouped = Boolean(groupOf);
      this.headings = new Map();
      this.addSorting();
      this.addTools();
    }

    // The rows of each group together, the busiest group first; what is in none comes last.
    grouped(rows) {
      const groups = new Map();
      for (const row of rows) {
        const name = this.groupOf(row);
        if (!groups.has(name)) groups.set(name, { rows: [], requests: 0 });
        groups.get(name).rows.push(row);
        groups.get(name).requests += row.requests || 0;
      }
      const order = [...groups].sort(([a, x], [b, y]) => (a === "") - (b === "") || y.requests - x.requests);
      return order.flatMap(([, group]) => group.rows);
    }

    // Lines with a heading before the first one of each group.
    withHeadings(rows, nodes) {
      if (!this.isGrouped) return nodes;
      let last = null;
      return nodes.flatMap((node, i) => {
        const name = this.groupOf(rows[i]);
        if (name === last) return [node];
        last = name;
        if (!this.headings.has(name)) {
          const head = element("th", { scope: "colgroup", colspan: this.heads.length + 1 }, name ? visible(name) : "without a tag");
          this.headings.set(name, element("tr", { class: "group" }, head));
        }
        return [this.headings.get(name), node];
      });
    }

    addSorting() {
      const names = [...this.meta.keys, ...this.meta.columns.map((c) => c.name)];
      this.heads.forEach((head, i) => {
        const button = element("button", { type: "button", class: "sort" }, head.textContent);
        head.replaceChildren(button);
        button.addEventListener("click", () => {
          const isNumber = i >= this.meta.keys.length && this.meta.columns[i - this.meta.keys.length].unit !== "text";
          const same = this.sort && this.sort.index === i;
          const descending = same ? !this.sort.descending : isNumber;
          this.sort = { index: i, column: names[i], descending };
          this.heads.forEach((h) => h.removeAttribute("aria-sort"));
          head.setAttribute("aria-sort", descending ? "descending" : "ascending");
          this.arrange();
        });
      });
    }

    addTools() {
      if (!this.tools) return;
      if (this.meta.keys.length && this.meta.name !== "traffic") {
        const label = `Search ${this.meta.title}`;
        const input = element("input", { type: "search", placeholder: "Search", "aria-label": label });
        input.addEventListener("input", () => {
          this.query = input.value.trim().toLowerCase();
          this.arrange();
        });
        this.search = input;
        this.tools.append(input);
      }
      if (this.groupOf) {
        const box = element("input", { type: "checkbox", checked: true });
        box.addEventListener("change", () => {
          this.isGrouped = box.checked;
          this.arrange();
        });
        this.tools.append(element("label", { class: "toggle" }, box, " by tag"));
      }
      if (this.meta.columns.some((c) => !c.main) || this.meta.hiddenKeys.length) {
        const box = element("input", { type: "checkbox" });
        box.addEventListener("change", () => {
          this.hasAllColumns = box.checked;
          this.node.classList.toggle("all", box.checked);
          for (const line of this.lines.values()) line.isWritten = false;
          this.arrange();
        });
        this.tools.append(element("label", { class: "toggle" }, box, " all columns"));
      }
    }

    // Draw these rows, with a remark below instead of their number.
    draw(rows, remark) {
      this.rows = rows;
      this.remark = remark;
      const { meta } = this;
      const values = meta.columns.map((c) => rows.map((r) => r[c.name] ?? null));
      this.formats = meta.columns.map((c, j) => (c.unit === "metric" ? null : F.columnFormat(values[j], c.unit)));
      this.most = rows.reduce((most, r) => Math.max(most, r.requests || 0), 1);
      this.lines = new Map();
      rows.forEach((row, i) => {
        const key = JSON.stringify(meta.keys.map((k) => row[k] ?? null));
        const line = this.made.get(key) || this.makeLine(row, key);
        this.made.set(key, line);
        line.row = row;
        line.isWritten = false;
        for (let j = 0; j < line.cells.length; j += 1) {
          const cell = line.cells[j];
          const value = values[j][i];
          if (cell.value === value) continue;
          cell.node.setAttribute("data-value", exactText(value));
          cell.value = value;
        }
        this.lines.set(key, line);
      });
      this.arrange();
    }

    // What is seen of a line follows its values only where it is seen.
    write(line) {
      if (line.isWritten) return;
      line.isWritten = true;
      this.meta.columns.forEach((c, j) => {
        if (!c.main && !this.hasAllColumns) return;
        const cell = line.cells[j];
        const unit = page.metricUnits[line.row.metric] || "";
        const ofMetric = c.name === "difference" ? (v) => F.formatDifference(v, unit) : F.columnFormat([cell.value], unit);
        const format = this.formats[j] || ofMetric;
        const text = c.unit === "text" ? visible(format(cell.value)) : format(cell.value);
        if (cell.text === text) return;
        cell.node.firstChild.data = text;
        cell.text = text;
        const level = severity(c.name, cell.value);
        if (cell.level !== level) cell.node.dataset.level = cell.level = level;
      });
      if (line.bar) line.bar.style.setProperty("--share", ((line.row.requests || 0) / this.most).toFixed(4));
    }

    makeLine(row, key) {
      const { meta } = this;
      const node = element("tr");
      meta.keys.forEach((name) => {
        const text = keyText(name, meta.name === "traffic" || name === "timestamp" ? row[name] && F.formatTime(row[name], row[name].slice(17, 19) !== "00") : row[name]);
        const value = row[name] ?? null;
        const head = element("th", { scope: "row", class: `key key-${name.replace(/[^a-z_]/g, "")}${meta.hiddenKeys.includes(name) ? " more" : ""}` });
        const pick = value !== null && this.onPick && this.onPick(name, value);
        if (pick) {
          const button = element("button", { type: "button", class: "pick", title: "Show only this" }, text);
          button.addEventListener("click", pick);
          head.append(button);
        } else head.append(text);
        if (value === null || /^\((other|not found|unknown)\)$/.test(value)) head.classList.add("folded");
        node.append(head);
      });
      const cells = meta.columns.map((c) => {
        const cell = document.createElement("td");
        cell.className = `${c.unit === "text" ? "text" : "number"}${c.main ? "" : " more"}`;
        cell.setAttribute("data-table", meta.name);
        cell.setAttribute("data-key", key);
        cell.setAttribute("data-metric", c.name);
        cell.append("");
        node.append(cell);
        return { node: cell, value: undefined, text: "", level: "" };
      });
      const at = meta.columns.findIndex((c) => c.name === "requests");
      const bar = at >= 0 && meta.keys.length && !["checks", "worst", "changed"].includes(meta.name) ? cells[at].node : null;
      if (bar) bar.classList.add("bar");
      const words = meta.keys.map((k) => String(row[k] ?? "")).join(" ").toLowerCase();
      return { node, key, cells, words, bar, row };
    }

    // Have a small chart in each row, of the requests over time; `counts` are by key.
    showTrends(counts) {
      if (!counts.size && !this.trends) return;
      if (!this.trends) this.node.tHead.rows[0].append(element("th", { scope: "col", class: "trend" }, "over time"));
      this.trends = counts;
    }

    drawTrend(line) {
      if (!this.trends || line.trendOf === this.trends) return;
      line.trendOf = this.trends;
      if (!line.trend) {
        line.trend = element("td", { class: "trend" });
        line.node.append(line.trend);
      }
      line.trend.replaceChildren(...(this.trends.has(line.key) ? [sparkline(this.trends.get(line.key))] : []));
    }

    // Put the rows in order, those that the search finds.
    arrange() {
      const lines = new Map([...this.lines.values()].map((line) => [line.row, line]));
      let rows = this.query ? this.rows.filter((r) => lines.get(r).words.includes(this.query)) : this.rows;
      if (this.sort) rows = F.sortRows(rows, this.sort.column, this.sort.descending);
      if (this.isGrouped) rows = this.grouped(rows);
      const nodes = rows.slice(0, MOST_ROWS).map((row) => lines.get(row).node);
      // A single row more takes no more room than the button.
      const first = this.isWhole || nodes.length <= FIRST_ROWS + 1 ? nodes.length : FIRST_ROWS;
      for (const row of rows.slice(0, first)) {
        this.write(lines.get(row));
        this.drawTrend(lines.get(row));
      }
      place(this.body, this.withHeadings(rows, nodes.slice(0, first)));
      place(this.further, nodes.slice(first));
      const parts = [];
      if (this.remark) parts.push(this.remark);
      else if (!this.rows.length) parts.push("No rows.");
      if (this.query) parts.push(`${F.formatCount(rows.length)} of ${F.formatCount(this.rows.length)} rows match.`);
      if (rows.length > MOST_ROWS) parts.push(`The first ${F.formatCount(MOST_ROWS)} of ${F.formatCount(rows.length)} rows are shown; search finds the others.`);
      if (!this.rest) return;
      this.rest.replaceChildren(parts.join(" "));
      if (first < nodes.length) this.rest.append(" ", this.moreButton(nodes.length - first));
    }

    moreButton(count) {
      const button = element("button", { type: "button", class: "pick" }, `Show ${F.formatCount(count)} more rows`);
      button.addEventListener("click", () => {
        this.isWhole = true;
        this.arrange();
      });
      return button;
    }
  }

  // Counts as columns of one path, the most of them as high as the picture.
  function sparkline(counts) {
    const most = Math.max(1, ...counts);
    const wide = Math.max(1, Math.floor(100 / counts.length));
    const path = counts.map((n, i) => (n ? `M${i * wide} 18h${wide}v-${((n / most) * 17 + 1).toFixed(1)}h-${wide}z` : "")).join("");
    const label = `${counts.length} steps of time, ${F.formatCount(most)} requests at most`;
    const size = { width: counts.length * wide, height: 18, viewBox: `0 0 ${counts.length * wide} 18` };
    return shape("svg", { ...size, role: "img", "aria-label": label, class: "spark" }, shape("path", { d: path }));
  }

  // The totals as tiles; those of the whole report with their change since the window before.
  function drawTiles(rows, isWhole) {
    const list = byId("tiles");
    const meta = page.tables.find((t) => t.name === "overview");
    if (!list || !meta || !rows) return;
    const row = rows[0] || {};
    const tiles = meta.columns.filter((c) => page.tiles.includes(c.name));
    const shown = tiles.filter((c) => (row[c.name] ?? null) !== null || (report.tables.overview[0] || {})[c.name] != null);
    list.replaceChildren(
      ...shown.map((c) => {
        const value = row[c.name] ?? null;
        const cell = element("dd", {
          "data-table": "overview", "data-key": "[]", "data-metric": c.name, "data-value": exactText(value),
        }, F.formatColumn([value], c.unit)[0]);
        const level = severity(c.name, value);
        if (level) cell.dataset.level = level;
        const tile = element("div", {}, element("dt", {}, c.title), cell);
        const change = isWhole && page.changes[c.name];
        if (change) tile.append(element("dd", { class: "change", "data-level": change[1] }, change[0]));
        return tile;
      }),
    );
    if (byId("against")) byId("against").hidden = !isWhole;
  }

  const SVG = "http://www.w3.org/2000/svg";

  function shape(name, attributes, ...children) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  // Round values from 0 on that an axis shows, the last one at or above the most.
  function niceTicks(most) {
    const rough = Math.max(most, 1) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].find((m) => m * power >= rough) * power);
    const ticks = [];
    for (let value = 0; value < most + step || ticks.length < 2; value += step) ticks.push(value);
    return ticks;
  }

  // Traffic and latency over time, drawn from the rows of the table `traffic`.
  class TimeChart {
    constructor(name, figure, onRange) {
      this.name = name;
      this.figure = figure;
      this.onRange = onRange;
      this.rows = [];
      this.tip = element("div", { class: "tip", hidden: true });
      this.anomalies = [];
      this.place = element("div", { class: "live" });
      const caption = figure.querySelector("figcaption");
      figure.replaceChildren(...(caption ? [caption] : []), this.place, this.tip);
      figure.classList.add("is-live");
      new ResizeObserver(() => this.redraw()).observe(this.place);
    }

    // `anomalies` are marked on the traffic; there are none under a filter.
    draw(rows, anomalies) {
      this.rows = rows.filter((row) => row.timestamp !== null);
      this.anomalies = this.name === "traffic" ? anomalies : [];
      // Asking the document again would have it lay out all tables first.
      if (this.width) this.paint(this.width);
      else this.redraw();
    }

    redraw() {
      const width = Math.floor(this.place.clientWidth);
      if (width && width !== this.width) this.paint(width);
    }

    paint(width) {
      this.width = width;
      const height = this.name === "traffic" ? 210 : 150;
      const box = { left: 54, right: width - 4, top: 8, bottom: height - 22 };
      this.box = box;
      const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
      svg.append(shape("title", {}, this.describe()));
      if (this.rows.length) {
        const step = (box.right - box.left) / this.rows.length;
        this.x = (i) => box.left + i * step;
        this.drawTimes(svg, step);
        if (this.name === "traffic") this.drawBars(svg, step);
        else this.drawLines(svg, step);
        this.addPointer(svg, step);
      }
      this.place.replaceChildren(svg, this.legend());
    }

    describe() {
      const first = this.rows[0] && F.formatTime(this.rows[0].timestamp);
      const last = this.rows.length && F.formatTime(this.rows[this.rows.length - 1].timestamp);
      const what = this.name === "traffic" ? "Requests over time by class of status" : "Latency over time: p50, p95 and p99";
      return first ? `${what}, ${first} to ${last}. The table below has the figures.` : `${what}: no requests.`;
    }

    legend() {
      const parts = this.name === "traffic"
        ? [["success", "no error"], ["client", "4xx"], ["server", "5xx"], ...(this.anomalies.length ? [["anomaly", "anomaly"]] : [])]
        : [["p50", "p50"], ["p95", "p95"], ["p99", "p99"]];
      const items = parts.map(([role, label]) => element("li", { class: `mark-${role}` }, label));
      return element("ul", { class: "legend", "aria-hidden": "true" }, ...items);
    }

    drawTimes(svg, step) {
      const { box, rows } = this;
      const times = rows.map((row) => row.timestamp);
      const days = new Set(times.map((t) => t.slice(0, 10)));
      const label = (t) => (days.size > 1 && /T00:00:00/.test(t) ? t.slice(5, 10) : days.size > 8 ? t.slice(5, 10) : t.slice(11, 16));
      const every = Math.max(1, Math.ceil(58 / step));
      let from = -Infinity;
      times.forEach((time, i) => {
        const isDay = /T00:00:00/.test(time);
        const x = this.x(i);
        if (x - from < 58 || x > box.right - 30 || !(i % every === 0 || isDay)) return;
        from = x;
        svg.append(shape("text", { x, y: box.bottom + 16, class: isDay ? "tick day" : "tick" }, label(time)));
      });
    }

    drawBars(svg, step) {
      const { box, rows } = this;
      const ticks = niceTicks(Math.max(...rows.map((r) => r.requests || 0)));
      const top = ticks[ticks.length - 1];
      const y = (value) => box.bottom - (value / top) * (box.bottom - box.top);
      for (const tick of ticks) {
        svg.append(shape("line", { x1: box.left, x2: box.right, y1: y(tick), y2: y(tick), class: "grid" }));
        svg.append(shape("text", { x: box.left - 6, y: y(tick) + 4, class: "tick end" }, F.formatCompact(tick)));
      }
      const gap = step > 5 ? 1 : 0;
      // One path for each class: an element for each bar would take ten times as long.
      const paths = { server: "", client: "", success: "" };
      const wide = Math.max(step - gap, 0.6).toFixed(1);
      rows.forEach((row, i) => {
        let base = 0;
        const parts = [["server", row.server_errors], ["client", row.client_errors],
          ["success", (row.requests || 0) - (row.server_errors || 0) - (row.client_errors || 0)]];
        for (const [role, value] of parts) {
          if (!value) continue;
          paths[role] += `M${this.x(i).toFixed(1)} ${y(base).toFixed(1)}h${wide}V${y(base + value).toFixed(1)}h-${wide}z`;
          base += value;
        }
      });
      for (const [role, path] of Object.entries(paths)) svg.append(shape("path", { d: path, class: `fill-${role}` }));
      for (const anomaly of this.anomalies) {
        const i = rows.findLastIndex((row) => row.timestamp <= anomaly.timestamp);
        if (i < 0) continue;
        const mark = shape("text", { x: this.x(i) + step / 2, y: box.top + 6, class: "anomaly" }, anomaly.kind === "spike" ? "▲" : "▼");
        mark.append(shape("title", {}, visible(`${anomaly.metric} ${anomaly.kind}, ${F.formatTime(anomaly.timestamp)}`)));
        svg.append(mark);
      }
    }

    drawLines(svg, step) {
      const { box, rows } = this;
      const names = ["latency_p50_ms", "latency_p95_ms", "latency_p99_ms"];
      const values = rows.flatMap((r) => names.map((n) => r[n]).filter((v) => v > 0));
      if (!values.length) return;
      const low = Math.floor(Math.log10(Math.min(...values)));
      const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
      const y = (ms) => box.bottom - ((Math.log10(Math.max(ms, 10 ** low)) - low) / (high - low)) * (box.bottom - box.top);
      for (let power = low; power <= high; power += 1) {
        const at = y(10 ** power);
        svg.append(shape("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "grid" }));
        svg.append(shape("text", { x: box.left - 6, y: at + 4, class: "tick end" }, F.formatDuration(10 ** power)));
      }
      for (const name of names) {
        let path = "";
        rows.forEach((row, i) => {
          if (row[name] === null || row[name] === undefined) return;
          const joins = i > 0 && rows[i - 1][name] !== null && rows[i - 1][name] !== undefined;
          path += `${joins ? "L" : "M"}${this.x(i).toFixed(1)} ${y(row[name]).toFixed(1)}h${step.toFixed(1)}`;
        });
        svg.append(shape("path", { d: path, class: `line-${name.slice(8, 11)}` }));
      }
    }

    // A bucket under the pointer is described; a range that is drawn becomes the filter.
    addPointer(svg, step) {
      const { box } = this;
      const brush = shape("rect", { y: box.top, height: box.bottom - box.top, x: 0, width: 0, class: "brush" });
      svg.append(brush);
      const at = (event) => {
        const x = event.clientX - svg.getBoundingClientRect().left;
        return Math.min(this.rows.length - 1, Math.max(0, Math.floor((x - box.left) / step)));
      };
      let from = null;
      const show = (a, b) => {
        brush.setAttribute("x", this.x(Math.min(a, b)));
        brush.setAttribute("width", (Math.abs(a - b) + 1) * step);
      };
      svg.addEventListener("pointerdown", (event) => {
        if (!this.onRange || event.button) return;
        from = at(event);
        svg.setPointerCapture(event.pointerId);
        show(from, from);
      });
      svg.addEventListener("pointermove", (event) => {
        const i = at(event);
        if (from === null) show(i, i);
        else show(from, i);
        this.showTip(i);
      });
      svg.addEventListener("pointerleave", () => {
        if (from === null) brush.setAttribute("width", 0);
        this.tip.hidden = true;
      });
      svg.addEventListener("pointerup", (event) => {
        if (from === null) return;
        const [a, b] = [Math.min(from, at(event)), Math.max(from, at(event))];
        from = null;
        this.onRange(this.rows[a].timestamp, this.rows[b].timestamp);
      });
      svg.addEventListener("pointercancel", () => { from = null; });
    }

    showTip(i) {
      const row = this.rows[i];
      const words = [F.formatTime(row.timestamp), `${F.formatCount(row.requests || 0)} requests`];
      if (row.client_errors) words.push(`${F.formatCount(row.client_errors)} 4xx`);
      if (row.server_errors) words.push(`${F.formatCount(row.server_errors)} 5xx`);
      if (row.latency_p95_ms !== null && row.latency_p95_ms !== undefined) words.push(`p95 ${F.formatDuration(row.latency_p95_ms)}`);
      this.tip.textContent = words.join(" · ");
      this.tip.hidden = false;
    }
  }

  // The fields of the filter, and what a reader does with them; `sums` are what they choose from.
  class FilterBar {
    constructor(sums, onChange) {
      this.sums = sums;
      this.onChange = onChange;
      this.edges = [...sums.times, sums.lastEnd];
      this.instants = [...sums.starts, sums.ends[sums.ends.length - 1]];
      const limits = { min: this.local(0), max: this.local(this.edges.length - 1) };
      const time = (name, label) => this.field(name, label, element("input", { type: "datetime-local", ...limits, step: this.hasSeconds() ? "1" : "60" }));
      const form = element("form", { class: "wide", "aria-label": "Filters" });
      form.append(time("since", "From"), time("until", "Until"));
      const { gateway = [], route = [], consumer = [] } = sums.dictionaries;
      if (gateway.length > 1) form.append(this.field("gateway", "Gateway", this.select(gateway)));
      if (route.length) form.append(this.field("route", "Route", this.search("route", route)));
      if (consumer.length) form.append(this.field("consumer", "Consumer", this.search("consumer", consumer)));
      form.append(this.field("status", "Status", this.select(["2xx", "3xx", "4xx", "5xx"])));
      this.reset = element("button", { type: "button" }, "Show all");
      this.reset.addEventListener("click", () => this.onChange({}));
      form.append(this.reset);
      form.addEventListener("submit", (event) => event.preventDefault());
      byId("filters").replaceChildren(form);
      byId("filters").hidden = false;
    }

    hasSeconds() {
      return this.edges.some((edge) => edge.slice(17, 19) !== "00");
    }

    local(at) {
      return this.edges[at].slice(0, this.hasSeconds() ? 19 : 16);
    }

    field(name, label, input) {
      input.id = `filter-${name}`;
      input.addEventListener("change", () => this.change(name, input.value));
      this[name] = input;
      return element("label", { class: `for-${name}`, for: input.id }, label, input);
    }

    select(values) {
      const options = values.map((value) => element("option", { value }, visible(value)));
      return element("select", {}, element("option", { value: "" }, "all"), ...options);
    }

    search(name, values) {
      const list = element("datalist", { id: `values-${name}` }, ...values.slice(0, 2000).map((value) => element("option", { value })));
      document.body.append(list);
      return element("input", { type: "text", list: list.id, placeholder: "all", autocomplete: "off", spellcheck: "false" });
    }

    change(name, value) {
      const state = F.readFragment(location.hash);
      if (name === "since" || name === "until") {
        const local = this.edges.map((_, i) => this.local(i));
        let at = name === "since" ? local.findLastIndex((l) => l <= value) : local.findIndex((l) => l >= value);
        if (at < 0) at = name === "since" ? 0 : local.length - 1;
        state[name] = value ? this.edges[this.snap(at, name === "until")] : "";
      } else state[name] = value;
      this.onChange(state);
    }

    // The edge at or before, or at or after this one that no longer bucket of the sums spans.
    snap(at, isEnd) {
      const cuts = (i) => this.sums.cubes.some((cube) => (cube.starts || []).some((start, b) => start < this.instants[i] && this.instants[i] < cube.ends[b]));
      let i = at;
      while (i > 0 && i < this.edges.length - 1 && cuts(i)) i += isEnd ? 1 : -1;
      return i;
    }

    range(first, last) {
      const state = F.readFragment(location.hash);
      state.since = this.edges[this.snap(this.edges.indexOf(first), false)];
      state.until = this.edges[this.snap(this.edges.indexOf(last) + 1, true)];
      this.onChange(state);
    }

    show(state) {
      for (const name of F.FILTERS) {
        if (!this[name]) continue;
        const isTime = name === "since" || name === "until";
        const value = state[name] || "";
        if (isTime) {
          const at = this.edges.findIndex((edge) => globalThis.apilogSums.parseMicros(edge) === globalThis.apilogSums.parseMicros(value));
          this[name].value = at < 0 ? "" : this.local(at);
        } else {
          if (this[name].tagName === "SELECT" && value && ![...this[name].options].some((o) => o.value === value)) this[name].append(element("option", { value }, visible(value)));
          this[name].value = value;
        }
      }
      this.reset.disabled = !Object.keys(state).length;
    }
  }

  // The command that prints the same figures.
  function equalCommand(state, sums) {
    const quote = (text) => `'${text.replace(/'/g, "'\\''")}'`;
    const literal = (text) => `'${text.replace(/'/g, "''")}'`;
    const conditions = ["gateway", "route", "consumer"].filter((k) => state[k]).map((k) => `${k} = ${literal(state[k])}`);
    if (state.status) {
      const low = Number(state.status[0]) * 100;
      conditions.push(/xx$/.test(state.status) ? `status >= ${low} AND status < ${low + 100}` : `status = ${state.status}`);
    }
    if (report.filters.where) conditions.unshift(`(${report.filters.where})`);
    const words = ["apilog report …"];
    for (const limit of ["since", "until"]) {
      const value = state[limit] || report.filters[limit];
      if (value) words.push(`--${limit} ${value}`);
    }
    if (conditions.length) words.push(`--where ${quote(conditions.join(" AND "))}`);
    words.push(`--bucket ${sums.step}`);
    return words.join(" ");
  }

  function untoldName(column) {
    const name = column.replace(/_ms$/, "").replace(/_/g, " ");
    return / p\d\d$/.test(name) ? `percentiles of ${name.slice(0, -4)}` : name;
  }

  function describeFilter(state, result, sums) {
    const status = byId("status");
    if (!Object.keys(state).length) return status.replaceChildren();
    if (result.problems.length) {
      status.replaceChildren(element("strong", {}, `No figures: ${result.problems.map(visible).join("; ")}.`));
      return undefined;
    }
    const total = report.tables.overview ? report.tables.overview[0].requests : null;
    const parts = [];
    if (result.requests !== null) {
      const all = total === null ? "" : ` of ${F.formatCount(total)}`;
      parts.push(element("strong", {}, `${F.formatCount(result.requests)}${all} requests.`));
    }
    const missing = page.tables.filter((t) => !globalThis.apilogSums.WHOLE.has(t.name) && result.tables[t.name] && result.tables[t.name].undecided === true).map((t) => t.title);
    if (missing.length) {
      const steps = [...new Set(sums.cubes.map((cube) => cube.step).filter((step) => step && step !== sums.step))];
      const hint = steps.length ? ` Times on whole steps of ${steps.join(" or ")} tell more.` : "";
      parts.push(` The page is too small to carry what this filter needs for: ${missing.join(", ")}.${hint}`);
    }
    const columns = new Set();
    for (const table of Object.values(result.tables)) if (table.undecided !== true) for (const name of table.undecided) columns.add(untoldName(name));
    if (columns.size) parts.push(` Not told under this filter: ${[...columns].map(visible).join(", ")}.`);
    if (report.tables.anomalies) parts.push(" Anomalies are not looked for in a part.");
    if (report.tables.coverage) parts.push(" A part is not held against the specification.");
    parts.push(" Same as ", element("code", {}, visible(equalCommand(state, sums))));
    status.replaceChildren(...parts);
    return undefined;
  }

  function setState(state) {
    const fragment = F.writeFragment(state);
    if (fragment) location.hash = fragment;
    else {
      history.pushState(null, "", location.pathname + location.search);
      update();
    }
  }

  let sums = null;
  let bar = null;
  let tables = [];
  let charts = [];
  let turn = 0;

  function makeParts() {
    const pick = sums && ((name, value) => {
      const allowed = { gateway: 1, route: 1, consumer: 1, status: 1 }[name] && (name === "status" || (sums.dictionaries[name] || []).includes(value));
      return allowed && (() => setState({ ...F.readFragment(location.hash), [name]: String(value) }));
    });
    tables = page.tables
      .map((meta) => [meta, document.querySelector(`table[data-figures="${CSS.escape(meta.name)}"]`)])
      .filter(([, node]) => node)
      .map(([meta, node]) => new FigureTable(meta, node, pick, meta.name === "endpoints" ? readTags(meta) : null));
    const onRange = bar && ((first, last) => bar.range(first, last));
    charts = ["traffic", "latency"]
      .map((name) => [name, document.querySelector(`figure[data-chart="${name}"]`)])
      .filter(([, figure]) => figure)
      .map(([name, figure]) => new TimeChart(name, figure, onRange));
  }

  // The first tag of each endpoint, as the specification has it; null if there is none.
  function readTags(meta) {
    const rows = (report.tables.coverage || []).filter((row) => row.tags);
    if (!rows.length || !meta.keys.includes("method") || !meta.keys.includes("route")) return null;
    const tags = new Map(rows.map((row) => [JSON.stringify([row.method, row.route]), row.tags.split(", ")[0]]));
    const byRoute = new Map(rows.map((row) => [row.route, row.tags.split(", ")[0]]));
    return (row) => tags.get(JSON.stringify([row.method, row.route])) || byRoute.get(row.route) || "";
  }

  function draw(state) {
    const isFiltered = Object.keys(state).length > 0;
    const given = (name) => (report.filters[name] ? globalThis.apilogSums.parseMicros(report.filters[name]) : null);
    const result = isFiltered && sums
      ? globalThis.apilogSums.filterReport(sums, page.tables, state, { since: given("since"), until: given("until") })
      : null;
    const endpoints = tables.find((table) => table.meta.name === "endpoints");
    if (endpoints && sums) endpoints.showTrends(globalThis.apilogSums.countOverTime(sums, endpoints.meta, state, MOST_TREND));
    for (const table of tables) {
      const own = result && result.tables[table.meta.name];
      if (own && own.undecided === true) table.draw(blankRows(table.meta), "Not told under this filter.");
      else table.draw(own ? own.rows : report.tables[table.meta.name] || [], "");
    }
    const overview = result ? result.tables.overview : null;
    drawTiles(overview ? (overview.undecided === true ? [{}] : overview.rows) : report.tables.overview, !isFiltered);
    const traffic = result ? result.tables.traffic : { rows: report.tables.traffic || [] };
    for (const chart of charts) {
      const rows = traffic && traffic.undecided !== true ? traffic.rows : [];
      // An empty plot would say that there was nothing; the status says what is not told.
      const untold = isFiltered && (traffic.undecided === true || (chart.name === "latency" && traffic.undecided.has("latency_p95_ms")));
      chart.figure.hidden = Boolean(untold);
      if (!untold) chart.draw(rows, isFiltered ? [] : report.tables.anomalies || []);
    }
    for (const figure of document.querySelectorAll("figure.chart:not(.is-live)")) figure.hidden = isFiltered;
    if (bar) bar.show(state);
    if (result) describeFilter(state, result, sums);
    else byId("status").replaceChildren(...(isFiltered ? ["This page has no sums to filter by; it shows everything."] : []));
  }

  // One row without values where a table always has one, else none.
  function blankRows(meta) {
    return meta.keys.length ? [] : [{}];
  }

  function update() {
    root.removeAttribute("data-ready");
    turn += 1;
    const own = turn;
    // After the next frame, so that what is gone is seen to be gone.
    afterFrame(() => {
      if (own !== turn) return;
      draw(F.readFragment(location.hash));
      root.setAttribute("data-ready", "true");
    });
  }

  // Do it after the next frame; pages that nobody looks at have none.
  function afterFrame(action) {
    let isDone = false;
    const once = () => {
      if (!isDone) {
        isDone = true;
        action();
      }
    };
    requestAnimationFrame(() => setTimeout(once));
    setTimeout(once, 1000);
  }

  async function start() {
    const packed = byId("apilog-packed");
    if (packed) {
      report = await globalThis.apilogTables.unpackReport(report, packed.textContent.trim());
      byId("apilog-report").textContent = JSON.stringify(report);
    }
    const text = byId("apilog-sums");
    if (text) {
      sums = await globalThis.apilogSums.unpackSums(text.textContent.trim());
      sums.cubes.sort((a, b) => a.rows - b.rows);
      bar = new FilterBar(sums, setState);
    }
    makeParts();
    root.classList.add("scripted");
    window.addEventListener("hashchange", update);
    // On paper stands the whole report: nobody can see there what was left out.
    window.addEventListener("beforeprint", () => draw({}));
    window.addEventListener("afterprint", update);
    update();
  }

  afterFrame(start);
})();
