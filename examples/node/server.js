// A small HTTP server that leaks: each request for / keeps LEAK_KIB KiB for ever.
'use strict';
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');

const { PORT, LEAK_KIB, ROTA_SLOT, ROTA_GENERATION } = process.env;
const leakKiB = Number(LEAK_KIB || 1024);
const kept = []; // never emptied: this is the leak

const server = http.createServer(async (req, res) => {
  req.socket.setTimeout(0);
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  try {
    const url = new URL(req.url, 'http://localhost');
    if (url.pathname === '/health') {
      reply(res, 200, 'ok\n');
    } else if (url.pathname === '/' && ['GET', 'POST'].includes(req.method)) {
      reply(res, 200, await leak(req, url));
    } else {
      reply(res, 404, 'not found\n');
    }
  } catch {
    res.destroy(); // no such URL can be, or the client went away in the middle of its body
  }
});

async function leak(req, url) {
  kept.push(Buffer.alloc(leakKiB * 1024, 'x')); // filled, so that the kernel must really give it
  const leaked = kept.length * leakKiB;
  let bytes = 0;
  for await (const chunk of req) bytes += chunk.length;
  await sleep(1000 * Number(url.searchParams.get('hold')));
  const body = req.method === 'POST' ? ` body=${bytes}` : '';
  return `pid=${process.pid} slot=${ROTA_SLOT || '-'} generation=${ROTA_GENERATION || '-'} leaked=${leaked} KiB${body}\n`;
}

function reply(res, status, text) {
  // Without this header a connection that outlives close() would stay open until it times out.
  if (!server.listening) res.setHeader('Connection', 'close');
  res.statusCode = status;
  res.end(text);
}

// Once it closes, Node no longer checks headersTimeout: a client that says nothing would hold up the end for ever.
server.on('connection', (socket) => socket.setTimeout(5000));
server.listen(Number(PORT || 8080), '0.0.0.0');

process.once('SIGTERM', () => {
  server.close(() => process.exit(0)); // when the last connection has gone
  server.closeIdleConnections();
});
