// The program of README.md, run as a reader would. If it fails, the first thing that he tries does not work.

import { execFile, execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "./server.ts";

const server = new Server();
beforeAll(() => server.start());
afterAll(() => server.remove());

const here = fileURLToPath(new URL("..", import.meta.url));

test("the program of README.md runs, against the package as it is built", async () => {
  execFileSync("npx", ["tsc", "-p", here], { cwd: here });
  const page = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const program = /```js\n([\s\S]*?)```/.exec(page)?.[1];
  const path = `${here}/dist/readme_example.mjs`;
  writeFileSync(path, program ?? "");
  const environment = { ...process.env, HOLDFAST_SERVER: server.url };
  const { stdout } = await promisify(execFile)("node", [path], { env: environment, timeout: 50_000 });
  // Who edits a bill changes its row, as soon as the server tells; that may be before the program ends.
  const lines = stdout.split("\n").filter((line) => !line.startsWith("changed"));
  expect(lines).toEqual(["editing, for sure for another 20 s", "added unreviewed SO1001 Li Lei", "unreviewed: 1", ""]);
});
