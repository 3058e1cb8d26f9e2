import { isAfter } from '../src/streamIds.js';

/** A room store in memory, with the switches that tests need. */
export class FakeStore {
  messages = [];
  present = new Set();
  safe = true;
  failure = null;
  syncs = 0;
  ranges = 0;

  add(text, from = 'ann') {
    const [id, previous] = [`${this.messages.length + 1}-0`, `${this.messages.length}-0`];
    const message = { clientId: `c${id}`, from, text };
    this.messages.push({ room: 'lobby', id, ...message });
    return { id, previous, ...message };
  }

  async sync(room, entries) {
    this.syncs += 1;
    return { ...(await this.look(room, entries)), safe: this.safe };
  }

  async look(room, entries) {
    if (this.failure) throw this.failure;
    entries.forEach((entry) => this.present.add(entry));
    return { tail: this.messages.at(-1)?.id ?? '0-0', entries: [...this.present] };
  }

  async leave(room, entry) {
    this.present.delete(entry);
  }

  async range(room, after, upTo, count) {
    this.ranges += 1;
    return this.messages.filter(({ id }) => isAfter(id, after) && !isAfter(id, upTo)).slice(0, count);
  }

  async latest(room, upTo, count) {
    return this.messages.filter(({ id }) => !isAfter(id, upTo)).slice(-count);
  }
}

export class FakeBus {
  subscribed = [];
  notices = [];

  async subscribe(room) {
    this.subscribed.push(room);
  }

  unsubscribe(room) {
    this.subscribed = this.subscribed.filter((name) => name !== room);
  }

  notify(room, message = null) {
    this.notices.push(message);
  }

  listen(handlers) {
    this.handlers = handlers;
  }
}

/** A client that notes what reaches it, in order. */
export class FakeClient {
  seen = [];
  attached = false;

  constructor(id, user) {
    this.id = id;
    this.user = user;
  }

  attach() {
    this.attached = true;
  }

  reply = (answer) => {
    this.answer = answer;
    this.seen.push(...answer.messages.map(({ text }) => text));
  };

  receive(event, payload) {
    if (this.attached && event === 'message') this.seen.push(payload.text);
  }
}

export const quiet = { info() {}, warn() {}, error() {} };
