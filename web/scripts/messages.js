// Copies docs/messages.d.ts, which is made from the server's own structs, into the client; with --check it only says
// whether the copy is the same.

import { copyFileSync, readFileSync } from "node:fs";

const made = new URL("../../docs/messages.d.ts", import.meta.url);
const copy = new URL("../client/src/messages.ts", import.meta.url);
if (process.argv.includes("--check")) {
  if (!readFileSync(made).equals(readFileSync(copy))) {
    console.error("web/client/src/messages.ts is not docs/messages.d.ts: node web/scripts/messages.js copies it");
    process.exitCode = 1;
  }
} else {
  copyFileSync(made, copy);
}
