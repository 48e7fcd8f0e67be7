// Copies docs/messages.d.ts, which is made from the server's own structs, into the client. check.js compares the two.

import { copyFileSync } from "node:fs";

copyFileSync(
  new URL("../../docs/messages.d.ts", import.meta.url),
  new URL("../client/src/messages.ts", import.meta.url),
);
