// What the linter does not know: the types are those that the server describes, and the lock file names no registry, so
// that everybody installs from his own.

import { readFileSync } from "node:fs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const complaints = [];
if (read("../../docs/messages.d.ts") !== read("../client/src/messages.ts")) {
  complaints.push("web/client/src/messages.ts is not docs/messages.d.ts: `npm run messages` copies it");
}
const packages = Object.entries(JSON.parse(read("../package-lock.json")).packages);
for (const [name, { resolved }] of packages) {
  if (/^\w+:/.test(resolved ?? "")) complaints.push(`web/package-lock.json says where ${name} comes from: see .npmrc`);
}
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;
