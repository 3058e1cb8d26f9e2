import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isSafe, replicasInStep, RoomStore } from '../src/roomStore.js';

const info = (role, ...states) =>
  [
    '# Replication',
    `role:${role}`,
    `connected_slaves:${states.length}`,
    ...states.map((state, index) => `slave${index}:ip=10.0.0.${index},port=6379,state=${state},offset=1,lag=0`),
    '',
  ].join('\r\n');

/** Redis as a pipeline sees it: each command's name gives its reply. */
class FakeRedis {
  sent = [];

  constructor(replies) {
    this.replies = replies;
  }

  pipeline(commands) {
    this.sent.push(commands);
    return {
      exec: async () =>
        commands.map(([name]) => {
          const reply = this.replies[name]?.();
          return reply instanceof Error ? [reply] : [null, reply];
        }),
    };
  }
}

function setUp(replies, settings = {}) {
  const commands = new FakeRedis(replies);
  let refreshes = 0;
  const refresh = () => (refreshes += 1);
  const shardOf = (key) => key.at('chat:{'.length);
  const store = new RoomStore({ commands, refresh, shardOf }, { waitReplicas: 1, streamMaxLength: 100, ...settings });
  return { store, commands, refreshes: () => refreshes };
}

const message = { clientId: 'c1', from: 'ann', text: 'hello' };

test('only replicas that are online count', () => {
  assert.equal(replicasInStep(info('master', 'online', 'send_bulk', 'online')), 2);
  assert.equal(replicasInStep(info('master')), 0);
});

test('a write is safe on as many replicas as wanted, or as there are', () => {
  assert.equal(isSafe(1, 1, info('master', 'online')), true);
  assert.equal(isSafe(1, 0, info('master', 'online')), false);
  assert.equal(isSafe(2, 1, info('master', 'online')), true);
  assert.equal(isSafe(2, 1, info('master', 'online', 'online')), false);
  assert.equal(isSafe(1, 0, info('master')), true);
});

test('a write is not safe when the master stepped down or did not answer', () => {
  assert.equal(isSafe(1, 0, info('slave')), false);
  assert.equal(isSafe(1, new Error('gone'), info('master')), false);
  assert.equal(isSafe(1, 0, new Error('gone')), false);
});

test('a message is acknowledged with its stream id', async () => {
  const { store, commands } = setUp({ eval: () => ['7-0', '6-0'], wait: () => 1, info: () => info('master', 'online') });
  assert.equal((await store.append('lobby', message)).id, '7-0');
  assert.deepEqual(
    commands.sent.at(-1).map(([name]) => name),
    ['eval', 'wait', 'info'],
  );
});

test('a message that was there before has no known predecessor', async () => {
  const { store } = setUp({ eval: () => ['7-0'] }, { waitReplicas: 0 });
  assert.deepEqual(await store.append('lobby', message), { id: '7-0', previous: null, ...message });
});

test('a message without enough copies is sent again until it has them', async () => {
  const copies = [0, 1];
  const { store } = setUp({ eval: () => ['7-0', '6-0'], wait: () => copies.shift(), info: () => info('master', 'online') });
  assert.equal((await store.append('lobby', message)).id, '7-0');
  assert.equal(copies.length, 0);
});

test('WAIT does not wait for replicas that are not there', async () => {
  const { store, commands } = setUp({ eval: () => ['7-0', '6-0'], wait: () => 0, info: () => info('master') });
  await store.append('lobby', message);
  assert.deepEqual(commands.sent.at(-1)[1].slice(0, 2), ['wait', 0]);
});

test('a moved slot makes the client look at the cluster again', async () => {
  const replies = [new Error('MOVED 1 10.0.0.2:6379'), ['7-0', '6-0']];
  const { store, refreshes } = setUp({
    eval: () => replies.shift(),
    wait: () => 1,
    info: () => info('master', 'online'),
  });
  assert.equal((await store.append('lobby', message)).id, '7-0');
  assert.equal(refreshes(), 1);
});

test('who asks for a room while its slot moves gets its users a little later', async () => {
  const replies = [new Error('MOVED 1 10.0.0.2:6379'), ['7-0', ['ann/1']]];
  const { store } = setUp({ eval: () => replies.shift(), wait: () => 0, info: () => info('master') });
  assert.deepEqual(await store.present('lobby'), ['ann/1']);
});

test('a look waits for no replica, and fails as the command does', async () => {
  const replies = [['7-0', ['ann/1']], new Error('MOVED 1 10.0.0.2:6379')];
  const { store, commands } = setUp({ eval: () => replies.shift() });
  assert.deepEqual(await store.look('lobby', ['ann/1']), { tail: '7-0', entries: ['ann/1'] });
  assert.deepEqual(
    commands.sent.map((sent) => sent.map(([name]) => name)),
    [['eval']],
  );
  await assert.rejects(store.look('lobby', []), /MOVED/);
});

test('messages that arrive together share one WAIT', async () => {
  let next = 0;
  const { store, commands } = setUp({
    eval: () => [`${(next += 1)}-0`, `${next - 1}-0`],
    wait: () => 1,
    info: () => info('master', 'online'),
  });
  const stored = await Promise.all(['a', 'b', 'c'].map((clientId) => store.append('lobby', { ...message, clientId })));
  assert.deepEqual(
    stored.map(({ id, previous, clientId }) => [id, previous, clientId]),
    [
      ['1-0', '0-0', 'a'],
      ['2-0', '1-0', 'b'],
      ['3-0', '2-0', 'c'],
    ],
  );
  assert.equal(commands.sent.flat().filter(([name]) => name === 'wait').length, 2);
});

test('rooms of one shard share one WAIT, and no other shard waits for it', async () => {
  const { store, commands } = setUp({
    eval: () => ['7-0', '6-0'],
    wait: () => 1,
    info: () => info('master', 'online'),
  });
  await Promise.all(['a1', 'b1', 'a2', 'a3'].map((room) => store.append(room, message)));
  const together = commands.sent
    .filter((sent) => sent[0][0] === 'eval')
    .map((sent) => [sent.filter(([name]) => name === 'eval').length, sent.filter(([name]) => name === 'wait').length]);
  assert.deepEqual(together.sort(), [
    [1, 1],
    [1, 1],
    [2, 1],
  ]);
});

test('a write that fails is its own room\'s trouble', async () => {
  const replies = [['7-0', '6-0'], new Error('OOM'), ['8-0', '7-0'], ['9-0', '8-0']];
  const { store, commands } = setUp({ eval: () => replies.shift() }, { waitReplicas: 0 });
  const stored = await Promise.all(['a1', 'a2', 'a3'].map((room) => store.append(room, message)));
  assert.deepEqual(
    stored.map(({ id }) => id),
    ['7-0', '9-0', '8-0'],
  );
  assert.deepEqual(
    commands.sent.map((sent) => sent.length),
    [1, 2, 1],
  );
});

test('all keys of a room share a hash slot', async () => {
  const { store, commands } = setUp({ eval: () => ['7-0', '6-0'] }, { waitReplicas: 0 });
  await store.append('lobby', message);
  const [, , count, ...keys] = commands.sent[0][0];
  keys.slice(0, count).forEach((key) => assert.match(key, /^chat:\{lobby\}:/));
});
