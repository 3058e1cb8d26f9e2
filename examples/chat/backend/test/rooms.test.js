import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Rooms } from '../src/rooms.js';
import { FakeBus, FakeClient, FakeStore, quiet } from './fakes.js';

function setUp() {
  const store = new FakeStore();
  const bus = new FakeBus();
  const ann = new FakeClient('1', 'ann');
  const emit = (room, event, payload) => ann.receive(event, payload);
  const rooms = new Rooms({ processId: 'p1', store, bus, emit, log: quiet });
  return { rooms, store, bus, ann };
}

test('a join is tried again while Redis is away', async () => {
  const { rooms, store, ann } = setUp();
  store.failure = new Error('gone');
  setTimeout(() => (store.failure = null), 50);
  await rooms.join('lobby', ann, null, ann.reply);
  assert.deepEqual(ann.answer.users, ['ann']);
});

test('a room is let go with its last client', async () => {
  const { rooms, bus, ann } = setUp();
  await rooms.join('lobby', ann, null, ann.reply);
  assert.deepEqual(bus.subscribed, ['lobby']);
  assert.equal(rooms.idle, false);
  await rooms.leave('lobby', ann);
  assert.deepEqual(bus.subscribed, []);
  assert.equal(rooms.idle, true);
});

test('a stored message is told to the other processes', async () => {
  const { rooms, bus } = setUp();
  const message = { id: '5-0', previous: '4-0', clientId: 'c1', from: 'ann', text: 'hello' };
  rooms.advance('lobby', message);
  assert.deepEqual(bus.notices, [message]);
});

test('after a reconnection every room is looked at again', async (context) => {
  const { rooms, store, bus, ann } = setUp();
  rooms.start();
  context.after(() => rooms.stop());
  await rooms.join('lobby', ann, null, ann.reply);
  store.add('one');
  bus.handlers.onReconnect();
  await rooms.leave('lobby', new FakeClient('nobody', 'ann'));
  assert.deepEqual(ann.seen, ['one']);
});
