// The tables of a long report: from packed columns to the rows that `apilog -f json` prints
// (packed_tables.py). What was packed once stands in `apilog-report` afterwards.
"use strict";
(function () {
  // The bytes of base64 that were deflated.
  async function inflate(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function readColumn(column, requests, known) {
    if (column.same) return known.get(JSON.stringify(column.same));
    if (column.list) return column.places.map((place) => column.list[place]);
    if (column.parts) return column.parts.map((part, i) => (part === null ? null : part / (requests[i] * column.scale)));
    if (column.seconds) return requests.map((n) => n / column.seconds);
    return column.values;
  }

  // Rows of each table; later columns may be the same as earlier ones.
  function readTables(columnsOf) {
    const known = new Map();
    const tables = {};
    for (const [table, columns] of Object.entries(columnsOf)) {
      const names = Object.keys(columns);
      const requests = columns.requests && readColumn(columns.requests, null, known);
      const values = names.map((name) => {
        const read = readColumn(columns[name], requests, known);
        known.set(JSON.stringify([table, name]), read);
        return read;
      });
      tables[table] = values[0].map((_, i) => Object.fromEntries(names.map((name, k) => [name, values[k][i]])));
    }
    return tables;
  }

  // The whole report of one whose long tables are packed, as `apilog -f json` prints it.
  async function unpackReport(report, text) {
    const { order, columns } = JSON.parse(new TextDecoder().decode(await inflate(text)));
    const read = readTables(columns);
    const tables = {};
    for (const name of order) tables[name] = read[name] || report.tables[name];
    const { packed, ...whole } = report;
    return { ...whole, tables };
  }

  const exported = { inflate, readTables, unpackReport };
  globalThis.apilogTables = exported;
  if (typeof module !== "undefined") module.exports = exported;
})();
