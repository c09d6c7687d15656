// Reads a page's data and filters from stdin and writes the tables that each filter gives.
"use strict";
const fs = require("fs");
const path = require("path");

const html = process.argv[2];
require(path.join(html, "figures.js"));
require(path.join(html, "tables.js"));
const sumsOfPage = require(path.join(html, "sums.js"));

async function main() {
  const { text, tables, filters, given } = JSON.parse(fs.readFileSync(0, "utf-8"));
  const sums = await sumsOfPage.unpackSums(text);
  const results = filters.map((state) => {
    const { tables: found, problems } = sumsOfPage.filterReport(sums, tables, state, given);
    for (const table of Object.values(found)) if (table.undecided !== true) table.undecided = [...table.undecided];
    return { tables: found, problems };
  });
  process.stdout.write(JSON.stringify(results));
}

main();
