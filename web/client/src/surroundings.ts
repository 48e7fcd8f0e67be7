// All that a connection needs of the world: sockets, time, chance. A test gives its own.

export interface SocketEvents {
  opened(): void;
  message(data: string | Uint8Array): void;
  closed(code: number, reason: string): void; // once, also if it never opened
}
export interface Socket {
  send(text: string): void;
  close(code?: number): void;
}

export interface Surroundings {
  open(url: string, protocol: string, events: SocketEvents): Socket;
  now(): number; // milliseconds of a clock that never goes back
  wall(): number; // milliseconds since 1970, to show people
  after(ms: number, run: () => void): () => void; // runs it once; the result cancels
  random(): number; // 0 ≤ … < 1
}

// As browsers, Node 22 and the package ws have it.
export interface WebSocketLike {
  binaryType: string;
  send(data: string): void;
  close(code?: number): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
}
export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike;

// Of this program; with `webSocket` where the platform has none, as Node 20. Throws a TypeError if there is none at all.
export function platform(webSocket?: WebSocketConstructor): Surroundings {
  const WebSocket = webSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (WebSocket === undefined) {
    throw new TypeError("There is no WebSocket here: give that of the package ws as webSocket.");
  }
  return {
    open: (url, protocol, events) => openWebSocket(WebSocket, url, protocol, events),
    now: () => performance.now(),
    wall: () => Date.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    random: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
  };
}

function openWebSocket(WebSocket: WebSocketConstructor, url: string, protocol: string, events: SocketEvents): Socket {
  const socket = new WebSocket(url, protocol);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => events.opened());
  socket.addEventListener("message", ({ data }) =>
    events.message(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)),
  );
  socket.addEventListener("close", ({ code, reason }) => events.closed(code, reason));
  socket.addEventListener("error", () => undefined); // a close follows
  return socket;
}
