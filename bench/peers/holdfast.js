'use strict';
// Holdfast in the peers' catch-up scenario (sync/recover.js): two nodes over a Redis; the publisher talks to A, the
// client follows its to-do tree at B, and comes back by its cursor. HOLDFASTD names the program.
const fs = require('fs');
const os = require('os');
const http = require('http');
const zlib = require('zlib');
const R = 7400, A = 7401, B = 7402;

const post = (port, path, token, body) => new Promise((resolve, reject) => {
  const text = JSON.stringify(body);
  const request = http.request({ host: '127.0.0.1', port, path, method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...(token ? { authorization: `Bearer ${token}` } : {}) } }, (answer) => {
    let got = '';
    answer.on('data', (d) => { got += d; });
    answer.on('end', () => (answer.statusCode < 300 ? resolve(JSON.parse(got)) : reject(new Error(got))));
  });
  request.on('error', reject);
  request.end(text);
});
// The ERP's bills have whole numbers for ids.
const ids = new Map();
const idOf = (name) => { if (!ids.has(name)) ids.set(name, String(ids.size + 1)); return ids.get(name); };
const dev = async (port, user, roles) => (await post(port, '/v1/dev/token', null, { user, name: user, roles })).token;

module.exports = (need) => {
  const WebSocket = need('ws'), { start, waitPort, sleep } = need('../lib/proc'), redis = need('../conf/redis');
  const ready = async (port) => { for (let i = 0; i < 600; i++) { if (await new Promise((r) => http.get({ host: '127.0.0.1', port, path: '/readyz' }, (a) => { a.resume(); r(a.statusCode === 200); }).on('error', () => r(false)))) return; await sleep(50); } throw new Error('no node'); };
  return {
    async start() {
      const d = fs.mkdtempSync(`${os.tmpdir()}/holdfast-recover-`), procs = { redis: await redis(R) };
      for (const [n, p] of [['A', A], ['B', B]]) {
        procs[n] = start(process.env.HOLDFASTD, ['--dev', '--engine', 'redis', '--redis', `redis://127.0.0.1:${R}`, '--data', `${d}/${n}`, '--listen', `127.0.0.1:${p}`], { log: `${d}/${n}.log` });
        await waitPort(p);
        await ready(p);
      }
      return { procs, erp: await dev(A, 'erp', ['admin']), user: await dev(B, 'li', ['finance']) };
    },
    async open(c, ch, on) {
      let w, cursor;
      const go = () => new Promise((resolve, reject) => {
        w = new WebSocket(`ws://127.0.0.1:${B}/v1/ws`, 'holdfast.v1.json', { perMessageDeflate: false, headers: { authorization: `Bearer ${c.user}` } });
        w.once('error', reject);
        w.once('open', () => {
          w.send('{"op":"hello"}');
          w.send(JSON.stringify({ id: 1, op: 'todo.subscribe', types: ['ExpenseClaim'], cursor }));
        });
        w.on('message', (data, binary) => {
          const m = JSON.parse(binary ? zlib.inflateRawSync(data.subarray(1)) : data);
          if (m.event === 'ping') w.send(JSON.stringify({ op: 'pong', n: m.n }));
          if (m.error) reject(new Error(m.error.code));
          for (const row of m.upsert || []) if (row.title === ch) on(Number(row.no));
          if (m.cursor) cursor = m.cursor;
          if (m.event === 'todo.live') resolve();
        });
      });
      await go();
      return { async drop() { w.terminate(); }, resume: go, async close() { w.terminate(); } };
    },
    async publish(c, ch, messages) {
      for (let i = 0; i < messages.length; i += 100) {
        await post(A, '/v1/status', c.erp, { events: messages.slice(i, i + 100).map((m) => ({ type: 'ExpenseClaim', id: idOf(`${ch}-${m.billId}`), title: ch, no: String(m.version), version: 1,
          state: { DataStatus: 2, ApprovalStatus: 0 }, handler: { user: m.handlerUserId, name: m.handlerUserName }, creator: 'erp', owner: null, department: null })) });
      }
    },
  };
};
