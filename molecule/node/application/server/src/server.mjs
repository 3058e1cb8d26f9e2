// Tells what it was given. Its health is a WebSocket handshake at /socket.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { WebSocketServer } from 'ws';

const require = createRequire(import.meta.url);
const { answer } = require('../answer.node');
const override = require('../../node_modules/ms/package.json').version;
const read = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const told = () => ({
  answer,
  override,
  node: process.version,
  directory: process.cwd(),
  environment: process.env,
  settings: JSON.parse(read('server/config/settings.json')),
  javascript: require('../../config/local.cjs'),
});

if (process.argv[2] === 'migrate') {
  writeFileSync('/tmp/migrated', '');
  process.stdout.write(`migrated with ${process.env.PASSWORD.length} characters of password\n`);
} else {
  const server = createServer((request, response) =>
    response.end(JSON.stringify({ ...told(), headers: request.headers })));
  new WebSocketServer({ server, path: '/socket' }).on('connection', (socket) =>
    socket.on('message', (message) => socket.send(`${process.env.NUMBER}: ${message}`)));
  server.listen(Number(process.env.HTTP_PORT), '127.0.0.1');
}
