// Bench: prints how many nanoseconds ajv takes to check a document; the counterpart of schema.c.
//
//      node schema_ajv.js SCHEMA.json COLLECTION DOCUMENT.json
//
// Formats are checked, as they are by ours.
const fs = require("fs");

const ROUNDS = 7;
const ROUND_MS = 150;

const [schemaPath, collection, documentPath] = process.argv.slice(2);
const schema = JSON.parse(fs.readFileSync(schemaPath));
const data = JSON.parse(fs.readFileSync(documentPath));
const is2020 = String(schema.$schema).includes("2020-12");
const Ajv = require(is2020 ? "ajv/dist/2020" : "ajv").default;
const ajv = new Ajv({ strict: false });
require("ajv-formats").default(ajv);
ajv.addSchema(schema, "document");
const check = ajv.compile({
  $ref: collection ? `document#/children/${collection}` : "document#",
});

function round(times) {
  const began = process.hrtime.bigint();
  for (let i = 0; i < times; i++) {
    if (!check(data)) throw new Error(ajv.errorsText(check.errors));
  }
  return Number(process.hrtime.bigint() - began);
}

let times = 1;
while (round(times) < (ROUND_MS * 1e6) / 4) times *= 2;
let best = Infinity;
for (let i = 0; i < ROUNDS; i++) best = Math.min(best, round(times * 4) / (times * 4));
console.log(best.toFixed(1));
