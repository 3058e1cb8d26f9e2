import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isTransient } from '../src/database.js';
import { hashPassword, verifyPassword } from '../src/passwords.js';
import { usersOf } from '../src/presence.js';
import { Batcher, BoundedQueue, SerialQueue } from '../src/queues.js';
import { Sessions } from '../src/sessions.js';
import { isAfter, isStreamId } from '../src/streamIds.js';
import { retry, within } from '../src/timing.js';

test('stream ids are compared as numbers, not as text', () => {
  assert.equal(isAfter('10-0', '9-0'), true);
  assert.equal(isAfter('9-10', '9-9'), true);
  assert.equal(isAfter('9-9', '9-9'), false);
  assert.equal(isAfter('18446744073709551615-1', '18446744073709551615-0'), true);
  assert.equal(isStreamId('1-0'), true);
  assert.equal(isStreamId('$'), false);
});

test('a token tells who it was issued to, unless forged or too old', () => {
  const sessions = new Sessions('secret');
  assert.equal(sessions.verify(sessions.issue('ann')), 'ann');
  assert.equal(sessions.verify(new Sessions('other').issue('ann')), null);
  assert.equal(sessions.verify(sessions.issue('ann', -1)), null);
  assert.equal(sessions.verify(undefined), null);
  const unsigned = `${btoa('{"alg":"none","typ":"JWT"}')}.${btoa('{"sub":"ann"}')}.`;
  assert.equal(sessions.verify(unsigned), null);
});

test('a password hash is salted and verifies only its password', async () => {
  const [first, second] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')]);
  assert.notEqual(first, second);
  assert.equal(await verifyPassword('correct horse', first), true);
  assert.equal(await verifyPassword('wrong horse', first), false);
});

test('a user on several processes is present once', () => {
  assert.deepEqual(usersOf(['bob/p1', 'ann/p2', 'ann/p1']), ['ann', 'bob']);
});

test('a change of the MySQL primary is worth a retry, a duplicate name is not', () => {
  assert.equal(isTransient({ code: 'ER_OPTION_PREVENTS_STATEMENT' }), true);
  assert.equal(isTransient({ code: 'ER_OPERATION_NOT_ALLOWED_WHILE_PRIMARY_CHANGE_IS_RUNNING' }), true);
  assert.equal(isTransient({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }), true);
  assert.equal(isTransient({ fatal: true }), true);
  assert.equal(isTransient({ code: 'ER_DUP_ENTRY' }), false);
});

test('retry ends with success, with a lasting error, or at its deadline', async () => {
  let calls = 0;
  const flaky = async () => {
    calls += 1;
    if (calls < 3) throw new Error('away');
    return 'there';
  };
  assert.equal(await retry(flaky, { deadline: 1000, pause: 1 }), 'there');

  const failing = async () => {
    calls += 1;
    throw new Error('broken');
  };
  calls = 0;
  await assert.rejects(retry(failing, { deadline: 1000, pause: 1, isTransient: () => false }), /broken/);
  assert.equal(calls, 1);
  await assert.rejects(retry(failing, { deadline: 20, pause: 5 }), /broken/);
});

test('a limit names what was awaited', async () => {
  await assert.rejects(within(5, 'Redis', new Promise(() => {})), /Redis had no answer within 5 ms/);
  assert.equal(await within(1000, 'Redis', Promise.resolve('PONG')), 'PONG');
});

test('a queue runs one task at a time and survives a failure', async () => {
  const queue = new SerialQueue();
  const order = [];
  const failing = queue.run(async () => {
    order.push('first');
    await null;
    throw new Error('broken');
  });
  const next = queue.run(async () => order.push('second'));
  assert.equal(queue.idle, false);
  await assert.rejects(failing, /broken/);
  await next;
  assert.deepEqual(order, ['first', 'second']);
  assert.equal(queue.idle, true);
});

test('a batch collects what arrives while the one before is under way', async () => {
  const batches = [];
  const batcher = new Batcher(async (key, items) => {
    batches.push(items);
    await null;
    return items.map((item) => (item === 'bad' ? new Error('refused') : item.toUpperCase()));
  });
  const results = await Promise.allSettled(['a', 'b', 'bad'].map((item) => batcher.add('room', item)));
  assert.deepEqual(batches, [['a'], ['b', 'bad']]);
  assert.deepEqual(results.map(({ value }) => value), ['A', 'B', undefined]);
  assert.match(results[2].reason.message, /refused/);
});

test('a batch that fails as a whole fails for each of its items, and the next one goes on', async () => {
  let broken = true;
  const batcher = new Batcher(async (key, items) => {
    if (broken) throw new Error('gone');
    return items;
  });
  await assert.rejects(batcher.add('room', 'a'), /gone/);
  broken = false;
  assert.equal(await batcher.add('room', 'b'), 'b');
});

test('a bounded queue runs so many at once, and turns away who waited too long', async () => {
  const queue = new BoundedQueue({ slots: 2, patience: 50 });
  const ends = [];
  const task = () => new Promise((resolve) => ends.push(resolve));
  const running = [queue.run(task), queue.run(task)];
  const waiting = queue.run(task);
  await null;
  assert.equal(ends.length, 2);
  await assert.rejects(waiting, /Too much/);

  const next = queue.run(async () => 'done');
  ends[0]();
  assert.equal(await next, 'done');
  ends[1]();
  await Promise.all(running);
});

test('a task that fails gives its slot to the next one', async () => {
  const queue = new BoundedQueue({ slots: 1, patience: 1000 });
  const failing = queue.run(async () => {
    throw new Error('broken');
  });
  const next = queue.run(async () => 'done');
  await assert.rejects(failing, /broken/);
  assert.equal(await next, 'done');
  assert.equal(await queue.run(async () => 'and again'), 'and again');
});
