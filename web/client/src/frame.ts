// A message of 4 KB or more comes as one binary frame: a byte that names the codec (1: raw deflate, RFC 1951), then the
// stream, which ends with the frame.

export const frameTextMax = 64 * 1024 * 1024; // bytes of the text; a server sends pages of 1 MB

// The text of a binary frame; throws an Error if it is none, or has more than frameTextMax bytes.
export async function readFrame(payload: Uint8Array): Promise<string> {
  if (payload[0] !== 1) throw new Error("a binary frame of a codec that nobody knows");
  const stream = payload.subarray(1);
  const text = await inflated(stream);
  // Node 20 passes over bytes behind the end of a stream; Node 24 and browsers refuse them.
  if (!(await refusesWhatFollows()) && (await ends(stream.subarray(0, -1)))) {
    throw new Error("a binary frame with bytes behind its end");
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(text);
}

let refuses: Promise<boolean> | undefined;

// Whether this platform refuses bytes behind the end: of an empty stream, here.
function refusesWhatFollows(): Promise<boolean> {
  refuses ??= ends(Uint8Array.of(3, 0, 0)).then((whole) => !whole);
  return refuses;
}

function ends(stream: Uint8Array): Promise<boolean> {
  return inflated(stream).then(
    () => true,
    () => false,
  );
}

async function inflated(stream: Uint8Array): Promise<Uint8Array> {
  const inflate = new DecompressionStream("deflate-raw");
  const writer = inflate.writable.getWriter();
  const written = writer.write(new Uint8Array(stream)).then(() => writer.close());
  written.catch(() => undefined); // the reader meets the same error
  const reader = inflate.readable.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > frameTextMax) {
      await reader.cancel();
      throw new Error("a binary frame with more text than a client reads");
    }
    parts.push(value);
  }
  await written;
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
