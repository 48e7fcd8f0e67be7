// A real holdfastd of its own for a test: HOLDFASTD names the program. It runs in a temporary directory, for development,
// on a free port of this machine, and is stopped by its id.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type DevUser, HttpClient } from "../src/index.ts";

export class Server {
  readonly #data = mkdtempSync(join(tmpdir(), "holdfast-web-"));
  #process: ChildProcess | undefined;
  url = "";

  // On the same port as before, if it ran before.
  async start(): Promise<void> {
    const program = process.env.HOLDFASTD;
    if (program === undefined) throw new Error("HOLDFASTD must name the server: build/dev/bin/holdfastd");
    const listen = this.url === "" ? "127.0.0.1:0" : this.url.slice("http://".length);
    const child = spawn(program, ["--dev", "--listen", listen, "--data", this.#data], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    const errors: string[] = [];
    child.stderr.on("data", (data: Buffer) => errors.push(data.toString()));
    child.on("error", (error) => errors.push(`${error}`));
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /^listening on (http:\S+)/.exec(line)?.[1];
      if (url === undefined) continue;
      child.stdout.resume();
      this.url = url.replace(/\/+$/, "");
      return;
    }
    throw new Error(`${program} did not start: ${errors.join("")}`);
  }

  // As by a machine that loses its power.
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
  }
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#data, { recursive: true, force: true });
  }

  async token(who: DevUser): Promise<string> {
    const made = await new HttpClient({ url: this.url }).devToken(who);
    if (!made.ok) throw new Error(made.refusal.sentence);
    return made.value.token;
  }
}
