// Node's own cluster module and nothing else: as many workers as its argument says, each in server.js. SIGHUP replaces
// them one after another, a new one first, as the module's documentation has it under worker.disconnect().
'use strict';
const cluster = require('node:cluster');
const path = require('node:path');

cluster.setupPrimary({ exec: path.join(__dirname, 'server.js'), args: process.argv.slice(3) });

const start = () => new Promise((resolve) => { cluster.fork().once('listening', resolve); });
for (let n = Number(process.argv[2]); n > 0; n--) start();

// One that ends by itself is started again.
cluster.on('exit', (worker) => { if (!worker.exitedAfterDisconnect) start(); });

let rolling = false;
process.on('SIGHUP', async () => {
  if (rolling) return;
  rolling = true;
  for (const old of Object.values(cluster.workers)) {
    await start();
    const gone = new Promise((resolve) => { old.once('exit', resolve); });
    old.disconnect();
    // Kept connections that are busy would hold it up for ever.
    const last = setTimeout(() => old.process.kill(), 20000);
    await gone;
    clearTimeout(last);
  }
  rolling = false;
});
process.on('SIGTERM', () => { for (const worker of Object.values(cluster.workers)) worker.process.kill(); process.exit(0); });
