// Says who answers: node server.js PORT [METRICS_PORT]. It handles no signal, and
// a request that is held holds the whole process.
'use strict';
const http = require('node:http');

const [port, metricsPort] = process.argv.slice(2);
const { ROTA_SLOT, ROTA_GENERATION } = process.env;

http.createServer((req, res) => {
  const hold = Number(new URL(req.url, 'http://localhost').searchParams.get('hold'));
  if (hold > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, hold * 1000);
  const client = req.socket.remoteAddress;
  res.end(`pid=${process.pid} slot=${ROTA_SLOT} generation=${ROTA_GENERATION} client=${client}\n`);
}).listen(Number(port));

if (metricsPort) {
  http.createServer((req, res) => res.end(`metrics of ${process.pid}\n`)).listen(Number(metricsPort), '127.0.0.1');
}
