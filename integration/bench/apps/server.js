// The application of the comparison, for Node: no framework. "shutdown" as the argument has it do what PM2's and
// Node's documentation advise on SIGINT and SIGTERM: take no more, finish what was begun, end.
'use strict';
const cluster = require('node:cluster');
const http = require('node:http');

const { PORT, BOOT = '0', LIMIT = '0' } = process.env;
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(BOOT) * 1000);

const leaked = []; // never emptied
const limit = Number(LIMIT);
const waiting = [];
let held = 0;
let stopping = false;

// One process holds any number at once; LIMIT makes it a server of so many threads.
function hold(milliseconds, then) {
  if (limit > 0 && held >= limit) {
    waiting.push([milliseconds, then]);
    return;
  }
  held++;
  setTimeout(() => {
    held--;
    if (waiting.length > 0) hold(...waiting.shift());
    then();
  }, milliseconds);
}

const server = http.createServer((req, res) => {
  let length = 0;
  req.on('data', (part) => { length += part.length; });
  req.on('end', () => {
    const query = new URL(req.url, 'http://localhost').searchParams;
    const kib = Number(query.get('leak'));
    if (kib > 0) leaked.push(Buffer.alloc(kib << 10, 1)); // written, so that the kernel must really give it
    const answer = () => {
      if (stopping) res.setHeader('Connection', 'close');
      res.end(`pid=${process.pid} id=${query.get('id') || ''} length=${length}\n`);
    };
    const seconds = Number(query.get('hold'));
    if (seconds > 0) hold(seconds * 1000, answer);
    else answer();
  });
});

// PM2 waits for "ready" where it is told to (wait_ready).
server.listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'));

const leave = () => {
  stopping = true;
  server.closeIdleConnections();
};
if (process.argv.includes('shutdown')) {
  const stop = () => {
    if (stopping) return;
    leave();
    server.close(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

// A primary of node:cluster that is to lose this worker closes its sockets, and then this channel.
if (cluster.isWorker) process.on('disconnect', leave);
