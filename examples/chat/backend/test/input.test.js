import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readSettings } from '../src/settings.js';
import { checkCredentials, checkJoin, checkMessage, checkRoom } from '../src/validation.js';

const env = { SESSION_SECRET: 's' };

test('settings have defaults for a laptop', () => {
  const settings = readSettings(env);
  assert.equal(settings.port, 3000);
  assert.deepEqual(settings.redis.nodes, []);
  assert.deepEqual(settings.redis.address, { host: '127.0.0.1', port: 6379, tls: false });
  assert.equal(settings.redis.waitReplicas, 1);
});

test('Redis is a list of cluster nodes, a URL, or a host and a port', () => {
  assert.deepEqual(readSettings({ ...env, REDIS_NODES: '10.0.0.1:6379, 10.0.0.2:6380' }).redis.nodes, [
    { host: '10.0.0.1', port: 6379 },
    { host: '10.0.0.2', port: 6380 },
  ]);
  assert.deepEqual(readSettings({ ...env, REDIS_URL: 'rediss://cache:7000' }).redis.address, {
    host: 'cache',
    port: 7000,
    tls: true,
  });
  assert.equal(readSettings({ ...env, REDIS_HOST: 'cache', REDIS_PORT: '7000' }).redis.address.port, 7000);
});

for (const [bad, complaint] of [
  [{ SESSION_SECRET: '' }, /SESSION_SECRET is not set/],
  [{ PORT: 'eighty' }, /PORT is "eighty": give it a whole number from 1 to 65535/],
  [{ REDIS_NODES: '10.0.0.1' }, /REDIS_NODES holds "10\.0\.0\.1": give it host:port/],
  [{ REDIS_URL: 'cache' }, /REDIS_URL is not a URL/],
  [{ MYSQL_SSL_CA: '/nowhere/ca.pem' }, /MYSQL_SSL_CA names "\/nowhere\/ca\.pem", which cannot be read \(ENOENT\)/],
]) {
  test(`${Object.keys(bad)[0]} is checked`, () => {
    assert.throws(() => readSettings({ ...env, ...bad }), complaint);
  });
}

test('what callers send is checked', () => {
  assert.deepEqual(checkCredentials({ name: 'ann', password: 'correct horse' }).name, 'ann');
  assert.throws(() => checkCredentials({ name: 'Ann/1', password: 'correct horse' }), /A name has/);
  assert.throws(() => checkCredentials({ name: 'ann', password: 'short' }), /A password has/);
  assert.throws(() => checkCredentials(undefined), /A name has/);
  assert.throws(() => checkRoom('a}b'), /A room has/);
  assert.deepEqual(checkJoin({ room: 'lobby' }), { room: 'lobby', after: null });
  assert.throws(() => checkJoin({ room: 'lobby', after: '$' }), /"after" is/);
  assert.throws(() => checkMessage({ room: 'lobby', text: ' ', id: 'c1' }), /A message has/);
  assert.throws(() => checkMessage({ room: 'lobby', text: 'hi' }), /needs an "id"/);
});
