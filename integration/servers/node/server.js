// Says who answers, and what it was sent: node server.js PORT [METRICS_PORT]. It
// handles no signal, and a request that is held holds the whole process.
'use strict';
const { createHash } = require('node:crypto');
const http = require('node:http');

const [port, metricsPort] = process.argv.slice(2);
const { ROTA_SLOT, ROTA_GENERATION } = process.env;
const leaked = [];

http.createServer((req, res) => {
  const hash = createHash('sha256');
  let length = 0;
  req.on('data', (part) => {
    hash.update(part);
    length += part.length;
  });
  req.on('end', () => {
    const query = new URL(req.url, 'http://localhost').searchParams;
    const leak = Number(query.get('leak'));
    if (leak > 0) leaked.push(Buffer.alloc(leak << 10, 1));
    const hold = Number(query.get('hold'));
    if (hold > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, hold * 1000);
    const client = req.socket.remoteAddress;
    res.end(`pid=${process.pid} slot=${ROTA_SLOT} generation=${ROTA_GENERATION} client=${client}`
      + ` id=${query.get('id') || '-'} length=${length} sha256=${hash.digest('hex')}\n`);
  });
}).listen(Number(port));

if (metricsPort) {
  http.createServer((req, res) => res.end(`metrics of ${process.pid}\n`)).listen(Number(metricsPort), '127.0.0.1');
}
