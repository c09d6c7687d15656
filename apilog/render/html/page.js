// The page: tables that sort and search, charts, filters in the address, all drawn from the JSON in
// the page. Text from a log only ever becomes the text of a node or an attribute that nothing runs.
"use strict";
(function () {
  const F = globalThis.apilogFigures;
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const report = JSON.parse(byId("apilog-report").textContent);
  const page = JSON.parse(byId("apilog-page").textContent);
  const unsafe = new RegExp(`[${page.unsafe}]`, "gu");
  const MOST_ROWS = 2000;
  const LONGEST = 300;

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

  function severity(column, value) {
    if (!column.endsWith("error_rate") || value === null || value === undefined) return "";
    if (!value) return "none";
    if (column === "client_error_rate") return value >= 0.05 ? "warn" : "";
    const [warn, bad] = column === "server_error_rate" ? [0.001, 0.01] : [0.01, 0.05];
    return value >= bad ? "bad" : value >= warn ? "warn" : "";
  }

  // One table of the report: its rows, how they are sorted and searched, and its nodes.
  class FigureTable {
    constructor(meta, node, onPick) {
      this.meta = meta;
      this.node = node;
      this.body = node.tBodies[0];
      this.rest = document.querySelector(`[data-rest="${CSS.escape(meta.name)}"]`);
      this.tools = document.querySelector(`[data-tools="${CSS.escape(meta.name)}"]`);
      this.onPick = onPick;
      this.sort = null;
      this.query = "";
      this.rows = [];
      this.lines = new Map();
      this.heads = [...node.tHead.rows[0].cells];
      this.addSorting();
      this.addTools();
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
      if (this.meta.columns.some((c) => !c.main)) {
        const box = element("input", { type: "checkbox" });
        box.addEventListener("change", () => this.node.classList.toggle("all", box.checked));
        this.tools.append(element("label", { class: "toggle" }, box, " all columns"));
      }
    }

    // Draw these rows. `undecided` are columns whose values nobody knows, or true for all of them.
    draw(rows, undecided, remark) {
      this.rows = rows;
      this.remark = remark;
      const { meta } = this;
      const texts = meta.columns.map((c) => F.formatColumn(rows.map((r) => r[c.name] ?? null), c.unit));
      const most = Math.max(1, ...rows.map((r) => r.requests || 0));
      const lines = new Map();
      rows.forEach((row, i) => {
        const key = JSON.stringify(meta.keys.map((k) => row[k] ?? null));
        const line = this.lines.get(key) || this.makeLine(row, key);
        line.row = row;
        meta.columns.forEach((c, j) => {
          const value = row[c.name] ?? null;
          const cell = line.cells[j];
          const exact = exactText(value);
          if (cell.exact !== exact) {
            cell.node.setAttribute("data-value", exact);
            cell.exact = exact;
            const level = severity(c.name, value);
            if (cell.level !== level) {
              cell.node.dataset.level = level;
              cell.level = level;
            }
          }
          const text = c.unit === "text" ? visible(texts[j][i]) : texts[j][i];
          if (cell.text !== text) {
            cell.node.firstChild.data = text;
            cell.text = text;
          }
        });
        if (line.bar) line.bar.style.setProperty("--share", ((row.requests || 0) / most).toFixed(4));
        lines.set(key, line);
      });
      this.lines = lines;
      this.arrange();
    }

    makeLine(row, key) {
      const { meta } = this;
      const node = element("tr");
      meta.keys.forEach((name) => {
        const text = keyText(name, meta.name === "traffic" || name === "timestamp" ? row[name] && F.formatTime(row[name], row[name].slice(17, 19) !== "00") : row[name]);
        const value = row[name] ?? null;
        const head = element("th", { scope: "row", class: `key key-${name.replace(/[^a-z_]/g, "")}` });
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
        return { node: cell, exact: null, text: "", level: "" };
      });
      const at = meta.columns.findIndex((c) => c.name === "requests");
      const bar = at >= 0 && meta.keys.length && meta.name !== "checks" ? cells[at].node : null;
      if (bar) bar.classList.add("bar");
      const words = meta.keys.map((k) => String(row[k] ?? "")).join(" ").toLowerCase();
      return { node, cells, words, bar, row };
    }

    // Put the rows in order, those that the search finds.
    arrange() {
      const lines = new Map([...this.lines.values()].map((line) => [line.row, line]));
      let rows = this.query ? this.rows.filter((r) => lines.get(r).words.includes(this.query)) : this.rows;
      if (this.sort) rows = F.sortRows(rows, this.sort.column, this.sort.descending);
      this.body.replaceChildren(...rows.slice(0, MOST_ROWS).map((row) => lines.get(row).node));
      const parts = [];
      if (this.remark) parts.push(this.remark);
      else if (!this.rows.length) parts.push("No rows.");
      if (this.query) parts.push(`${F.formatCount(rows.length)} of ${F.formatCount(this.rows.length)} rows match.`);
      if (rows.length > MOST_ROWS) parts.push(`The first ${F.formatCount(MOST_ROWS)} of ${F.formatCount(rows.length)} rows are shown; search finds the others.`);
      if (this.rest) this.rest.textContent = parts.join(" ");
    }
  }

  // The totals as tiles.
  function drawTiles(rows) {
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
        return element("div", {}, element("dt", {}, c.title), cell);
      }),
    );
  }

  const tables = page.tables.map((meta) => {
    const node = document.querySelector(`table[data-figures="${CSS.escape(meta.name)}"]`);
    return node && new FigureTable(meta, node, null);
  }).filter(Boolean);

  function draw() {
    root.removeAttribute("data-ready");
    for (const table of tables) table.draw(report.tables[table.meta.name] || [], null, "");
    drawTiles(report.tables.overview);
    root.setAttribute("data-ready", "true");
  }

  root.classList.add("scripted");
  window.addEventListener("hashchange", draw);
  requestAnimationFrame(() => setTimeout(draw));
})();
