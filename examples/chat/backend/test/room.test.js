import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Room } from '../src/room.js';
import { FakeBus, FakeClient, FakeStore, quiet } from './fakes.js';

function setUp() {
  const store = new FakeStore();
  const bus = new FakeBus();
  const clients = [new FakeClient('1', 'ann'), new FakeClient('2', 'bob')];
  const events = [];
  const emit = (room, event, payload) => {
    events.push([event, payload]);
    clients.forEach((client) => client.receive(event, payload));
  };
  const room = new Room('lobby', { processId: 'p1', store, bus, emit, log: quiet });
  /** Ends after whatever the room has under way: ann is still there, so it changes nothing. */
  const settled = () => room.leave(new FakeClient('nobody', 'ann'));
  return { room, store, bus, events, settled, ann: clients[0], bob: clients[1] };
}

test('a newcomer gets the latest messages, a returning client those it missed', async () => {
  const { room, store, ann, bob } = setUp();
  store.add('one');
  store.add('two');
  await room.join(ann, null, ann.reply);
  await room.join(bob, '1-0', bob.reply);
  assert.deepEqual(ann.seen, ['one', 'two']);
  assert.deepEqual(bob.seen, ['two']);
  assert.equal(bob.answer.more, false);
});

test('notices out of order deliver in the order of the stream, once each', async () => {
  const { room, store, ann, settled } = setUp();
  await room.join(ann, null, ann.reply);
  const first = store.add('one');
  const second = store.add('two');
  room.advance(second);
  room.advance(first);
  room.advance(second);
  await settled();
  assert.deepEqual(ann.seen, ['one', 'two']);
});

test('what follows the last message is not read again, what does not is', async () => {
  const { room, store, ann, settled } = setUp();
  await room.join(ann, null, ann.reply);
  const before = store.ranges;
  room.advance(store.add('one'));
  room.advance(store.add('two'));
  await settled();
  assert.equal(store.ranges, before);
  store.add('three');
  room.advance(store.add('four'));
  await settled();
  room.advance({ ...store.add('five'), previous: null });
  await settled();
  assert.equal(store.ranges, before + 2);
  assert.deepEqual(ann.seen, ['one', 'two', 'three', 'four', 'five']);
});

test('nothing beyond the announced id is delivered, since it may not be safe yet', async () => {
  const { room, store, ann, settled } = setUp();
  await room.join(ann, null, ann.reply);
  const first = store.add('one');
  store.add('two');
  room.advance(first);
  await settled();
  assert.deepEqual(ann.seen, ['one']);
});

test('a refresh fills the gap that lost notices left', async () => {
  const { room, store, ann, settled } = setUp();
  await room.join(ann, null, ann.reply);
  store.add('one');
  store.add('two');
  room.refresh();
  await settled();
  assert.deepEqual(ann.seen, ['one', 'two']);
});

test('a refresh of a quiet room asks for no copies', async () => {
  const { room, store, events, ann, settled } = setUp();
  await room.join(ann, null, ann.reply);
  const before = store.syncs;
  store.present.add('bob/p2');
  room.refresh();
  await settled();
  assert.equal(store.syncs, before);
  assert.deepEqual(events.at(-1), ['presence', { room: 'lobby', users: ['ann', 'bob'] }]);
});

test('a refresh delivers nothing that could still be lost', async () => {
  const { room, store, ann, settled } = setUp();
  await room.join(ann, null, ann.reply);
  store.add('one');
  store.safe = false;
  room.refresh();
  await settled();
  assert.deepEqual(ann.seen, []);
});

test('a failing Redis costs a refresh, not the room', async () => {
  const { room, store, ann, settled } = setUp();
  await room.join(ann, null, ann.reply);
  store.add('one');
  store.failure = new Error('gone');
  room.refresh();
  await settled();
  store.failure = null;
  room.refresh();
  await settled();
  assert.deepEqual(ann.seen, ['one']);
});

test('what came while a client was joining follows its backlog without a gap or a repeat', async () => {
  const { room, store, ann } = setUp();
  store.add('one');
  await room.join(new FakeClient('3', 'eve'), null, () => {});
  const joining = room.join(ann, '0-0', ann.reply);
  room.advance(store.add('two'));
  await joining;
  room.advance(store.add('three'));
  await room.leave(new FakeClient('nobody', 'ann'));
  assert.deepEqual(ann.seen, ['one', 'two', 'three']);
});

test('what a client saw through another process does not reach it again', async () => {
  const { room, store, ann, bob, settled } = setUp();
  await room.join(bob, null, bob.reply);
  const seen = store.add('one');
  store.safe = false;
  await room.join(ann, seen.id, ann.reply);
  room.advance(seen);
  await settled();
  assert.deepEqual(ann.seen, []);
  assert.deepEqual(bob.seen, ['one']);
});

test('a long absence is caught up page by page, and the client is in after the last one', async () => {
  const { room, store, ann } = setUp();
  for (let number = 1; number <= 700; number += 1) store.add(`${number}`);
  await room.join(ann, '0-0', ann.reply);
  assert.equal(ann.answer.more, true);
  assert.equal(ann.attached, false);
  await room.join(ann, ann.answer.messages.at(-1).id, ann.reply);
  assert.equal(ann.answer.more, false);
  assert.equal(ann.attached, true);
  assert.equal(ann.seen.length, 700);
  assert.equal(new Set(ann.seen).size, 700);
});

test('presence is announced when it changes, and told to the other processes', async () => {
  const { room, store, bus, events, ann, bob, settled } = setUp();
  await room.join(ann, null, ann.reply);
  await room.join(bob, null, bob.reply);
  assert.deepEqual(bob.answer.users, ['ann', 'bob']);
  assert.equal(bus.notices.length, 2);
  store.present.delete('ann/p1');
  store.present.add('eve/p2');
  await room.leave(bob);
  assert.deepEqual(events.at(-1), ['presence', { room: 'lobby', users: ['ann', 'eve'] }]);
  const before = events.length;
  room.refresh();
  await settled();
  assert.equal(events.length, before);
});

test('a user with two connections stays present until the last one goes', async () => {
  const { room, store, ann } = setUp();
  const tab = new FakeClient('9', 'ann');
  await room.join(ann, null, ann.reply);
  await room.join(tab, null, tab.reply);
  await room.leave(tab);
  assert.deepEqual([...store.present], ['ann/p1']);
  await room.leave(ann);
  assert.deepEqual([...store.present], []);
  assert.equal(room.idle, true);
});
