// Tally is what a digest of a to-do tree says of its rows: how many they are, and two sums mod 2^32 of a hash of each.
//
// The hash is xxHash32 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md) of UTF-8, with the seeds 0 and 1. Sums do not
// depend on an order, so a row comes and goes in O(1).

import type { Tally } from "./messages.ts";

export type { Tally };

const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

const encoder = new TextEncoder();
let buffer = new Uint8Array(1024);
let view = new DataView(buffer.buffer);

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function round(lane: number, input: number): number {
  return Math.imul(rotated((lane + Math.imul(input, prime2)) | 0, 13), prime1);
}

// Of the first `length` bytes of `buffer`.
function hash(length: number, seed: number): number {
  let at = 0;
  let sum = (seed + prime5) | 0;
  if (length >= 16) {
    let a = (seed + prime1 + prime2) | 0;
    let b = (seed + prime2) | 0;
    let c = seed | 0;
    let d = (seed - prime1) | 0;
    for (; at + 16 <= length; at += 16) {
      a = round(a, view.getUint32(at, true));
      b = round(b, view.getUint32(at + 4, true));
      c = round(c, view.getUint32(at + 8, true));
      d = round(d, view.getUint32(at + 12, true));
    }
    sum = (rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18)) | 0;
  }
  sum = (sum + length) | 0;
  for (; at + 4 <= length; at += 4) {
    sum = Math.imul(rotated((sum + Math.imul(view.getUint32(at, true), prime3)) | 0, 17), prime4);
  }
  for (; at < length; ++at) {
    sum = Math.imul(rotated((sum + Math.imul(view.getUint8(at), prime5)) | 0, 11), prime1);
  }
  sum = Math.imul(sum ^ (sum >>> 15), prime2);
  sum = Math.imul(sum ^ (sum >>> 13), prime3);
  return (sum ^ (sum >>> 16)) >>> 0;
}

// Of one text. O(its length).
export function textTally(text: string): Tally {
  if (text.length * 3 > buffer.length) {
    buffer = new Uint8Array(text.length * 3);
    view = new DataView(buffer.buffer);
  }
  const { written } = encoder.encodeInto(text, buffer);
  return { rows: 1, sum0: hash(written, 0), sum1: hash(written, 1) };
}

export function rowTally(type: string, id: string, group: string, version: number): Tally {
  return textTally(`${type}:${id}/${group}@${version}`);
}

// Of a row that somebody edits; `user` is empty where names are hidden.
export function editedTally(type: string, id: string, group: string, user: string, since: string): Tally {
  return textTally(`${type}:${id}/${group}@${user}@${since}`);
}

export function emptyTally(): Tally {
  return { rows: 0, sum0: 0, sum1: 0 };
}

export function add(sum: Tally, one: Tally): void {
  sum.rows = (sum.rows + one.rows) >>> 0;
  sum.sum0 = (sum.sum0 + one.sum0) >>> 0;
  sum.sum1 = (sum.sum1 + one.sum1) >>> 0;
}

export function subtract(sum: Tally, one: Tally): void {
  sum.rows = (sum.rows - one.rows) >>> 0;
  sum.sum0 = (sum.sum0 - one.sum0) >>> 0;
  sum.sum1 = (sum.sum1 - one.sum1) >>> 0;
}

export function sameTally(a: Tally, b: Tally): boolean {
  return a.rows === b.rows && a.sum0 === b.sum0 && a.sum1 === b.sum1;
}
