// docs/vectors has what every client must compute. If these fail, a tree that is right is fetched again and again, or a
// wrong one is believed.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readFrame } from "../src/frame.ts";
import { parseJson, sameJson } from "../src/json.ts";
import { add, editedTally, emptyTally, rowTally, type Tally } from "../src/tally.ts";

interface DigestVectors {
  rows: { name: string; rows: { type: string; id: string; group: string; version: number }[]; digest: Tally }[];
  edited: {
    name: string;
    rows: { type: string; id: string; group: string; user: string; since: string }[];
    edited: Tally;
  }[];
}
interface FrameVectors {
  read: { name: string; payload: string; message: string }[];
  refused: { name: string; payload: string }[];
}

const docs = new URL("../../../docs/", import.meta.url);
function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`vectors/${name}`, docs), "utf8")) as T;
}

test("a digest is the sum of its rows", () => {
  const { rows, edited } = vectors<DigestVectors>("digests.json");
  expect(rows.length).toBeGreaterThanOrEqual(4);
  for (const one of rows) {
    const sum = emptyTally();
    for (const row of one.rows) add(sum, rowTally(row.type, row.id, row.group, row.version));
    expect(sum, one.name).toEqual(one.digest);
  }
  expect(edited.length).toBeGreaterThanOrEqual(1);
  for (const one of edited) {
    const sum = emptyTally();
    for (const row of one.rows) add(sum, editedTally(row.type, row.id, row.group, row.user, row.since));
    expect(sum, one.name).toEqual(one.edited);
  }
});

test("the examples of the protocol's page hold", () => {
  const page = readFileSync(new URL("protocol.md", docs), "utf8");
  const since = "2025-11-22T09:30:00.000Z";
  for (const tally of [
    rowTally("SaleOrder", "1001", "unreviewed", 7),
    editedTally("SaleOrder", "1001", "unreviewed", "li", since),
    editedTally("SaleOrder", "1001", "unreviewed", "", since),
  ]) {
    expect(page.includes(`| ${tally.sum0} | ${tally.sum1} |`), JSON.stringify(tally)).toBe(true);
  }
});

test("a text longer than any before it is hashed whole", () => {
  const long = "审".repeat(5_000);
  expect(rowTally("SaleOrder", long, "unreviewed", 7)).not.toEqual(rowTally("SaleOrder", `${long}审`, "unreviewed", 7));
});

test("a frame is inflated or refused", async () => {
  const { read, refused } = vectors<FrameVectors>("frames.json");
  expect(read.length).toBeGreaterThanOrEqual(3);
  for (const one of read) expect(await readFrame(Buffer.from(one.payload, "hex")), one.name).toBe(one.message);
  expect(refused.length).toBeGreaterThanOrEqual(5);
  for (const one of refused) await expect(readFrame(Buffer.from(one.payload, "hex")), one.name).rejects.toThrow();
});

test("a whole number beyond 2^53 keeps its digits, and a text that looks like one stays as it is", () => {
  const text =
    '{"a":1740614448320647168,"b":"x:1740614448320647168","c":[-9223372036854775808,9007199254740991],"d":1e3}';
  expect(parseJson(text)).toEqual({
    a: "1740614448320647168",
    b: "x:1740614448320647168",
    c: ["-9223372036854775808", 9007199254740991],
    d: 1000,
  });
  expect(parseJson('["\\",1740614448320647168"]')).toEqual(['",1740614448320647168']);
  expect(() => parseJson("{")).toThrow(SyntaxError);
});

test("values are the same whatever the order of their members", () => {
  expect(sameJson({ a: [1, { b: null }], c: "x" }, { c: "x", a: [1, { b: null }] })).toBe(true);
  expect(sameJson({ a: 1 }, { a: 1, b: 2 })).toBe(false);
  expect(sameJson({ a: undefined }, { b: 1 })).toBe(false);
  expect(sameJson([1], { 0: 1 })).toBe(false);
});
