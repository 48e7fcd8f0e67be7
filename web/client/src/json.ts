// JSON as the server writes it, read without losing a digit.
//
// A status column may hold any whole number of 64 bits, a key of the ERP's database among them; a JavaScript number is
// exact up to 2^53-1 only. A whole number beyond that is read as a text of its digits.

// Reads `text`; throws a SyntaxError if it is no JSON.
export function parseJson(text: string): unknown {
  return JSON.parse(/[:,[]\s*-?\d{16}/.test(text) ? text.replace(stringsAndLongNumbers, quoted) : text);
}

const stringsAndLongNumbers = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

function quoted(found: string): string {
  return found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : `"${found}"`;
}

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// A whole number from 0 to 2^53-1, as the protocol has versions, tokens and offsets.
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

// Whether two values of JSON are the same, whatever the order of their members.
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, i) => sameJson(one, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
  );
}
