// Reads a report with packed tables from stdin and writes the whole report.
"use strict";
const fs = require("fs");
const path = require("path");
const { unpackReport } = require(path.join(process.argv[2], "tables.js"));

async function main() {
  const { plain, packed } = JSON.parse(fs.readFileSync(0, "utf-8"));
  process.stdout.write(JSON.stringify(await unpackReport(plain, packed)));
}

main();
