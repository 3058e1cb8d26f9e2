import { presenceEntry, usersOf } from './presence.js';
import { SerialQueue } from './queues.js';
import { BEGINNING, isAfter } from './streamIds.js';

const PAGE = 500; // messages read at once
const HISTORY = 50; // messages shown to someone new

/**
 * A room as one process serves it.
 *
 * Messages reach this process's clients in the order of the room's stream, each after the one
 * before it (`#delivered`), and only once it is safe on replicas. One that a notice told is read
 * from the stream unless it follows the last one. Order, gap filling and the absence of duplicates
 * all follow from that, and from doing one thing at a time.
 *
 * A client is `{ id, user, attach() }`; `attach` makes it receive what `emit` sends.
 */
export class Room {
  #name;
  #processId;
  #store;
  #bus;
  #emit;
  #log;
  #turns = new SerialQueue();
  #clients = new Map();
  #subscribed = false;
  #delivered = null;
  #safe = BEGINNING;
  #told = [];
  #users = [];
  #deliveryDue = false;
  #refreshDue = false;

  /** `emit(room, event, payload)` sends to attached clients. */
  constructor(name, { processId, store, bus, emit, log }) {
    this.#name = name;
    this.#processId = processId;
    this.#store = store;
    this.#bus = bus;
    this.#emit = emit;
    this.#log = log;
  }

  get idle() {
    return this.#clients.size === 0 && this.#turns.idle;
  }

  /**
   * Let a client in. `reply({ messages, users, more })` is called once, before anything newer is
   * sent to the client; with `more` it is not in yet and joins again, after the last message.
   */
  join(client, after, reply) {
    return this.#turns.run(async () => {
      const isNewcomer = !this.#localUsers().has(client.user);
      this.#clients.set(client.id, client.user);
      if (!this.#subscribed) {
        await this.#bus.subscribe(this.#name);
        this.#subscribed = true;
      }
      await this.#sync();
      // What the client saw through another process is safe, and must not reach it again.
      if (after !== null) await this.#deliver(after);
      const messages = await this.#backlog(after);
      const more = after !== null && messages.length === PAGE;
      reply({ messages, users: this.#users, more });
      if (!more) client.attach();
      if (isNewcomer) this.#bus.notify(this.#name);
    });
  }

  leave(client) {
    return this.#turns.run(async () => {
      this.#clients.delete(client.id);
      if (this.#localUsers().has(client.user)) return;
      await this.#store.leave(this.#name, this.#entry(client.user));
      this.#bus.notify(this.#name);
      if (this.#clients.size > 0) await this.#look();
    });
  }

  /** A message, with its `id` and that of the `previous` one, is safe, and so are all before it. */
  advance(message) {
    if (!isAfter(message.id, this.#safe)) return;
    this.#safe = message.id;
    this.#told.push(message);
    if (this.#deliveryDue) return;
    this.#deliveryDue = true;
    this.#inBackground('Messages could not be delivered yet.', async () => {
      this.#deliveryDue = false;
      const told = this.#told.splice(0);
      if (this.#delivered === null) return;
      for (const message of told) if (message.previous === this.#delivered) this.#give(message);
      await this.#deliver(this.#safe);
    });
  }

  /** Keep this process's users present, and find out whatever no notice told. */
  refresh() {
    if (this.#refreshDue) return;
    this.#refreshDue = true;
    this.#inBackground('The room could not be refreshed.', async () => {
      this.#refreshDue = false;
      if (this.#clients.size > 0) await this.#look();
    });
  }

  async #look() {
    const { tail, entries } = await this.#store.look(this.#name, this.#entries());
    if (this.#delivered === null || isAfter(tail, this.#delivered)) await this.#sync();
    else this.#announceUsers(entries);
  }

  async #sync() {
    const { tail, entries, safe } = await this.#store.sync(this.#name, this.#entries());
    if (this.#delivered === null) this.#delivered = tail;
    else if (safe) await this.#deliver(tail);
    this.#announceUsers(entries);
  }

  async #deliver(upTo) {
    while (isAfter(upTo, this.#delivered)) {
      const messages = await this.#store.range(this.#name, this.#delivered, upTo, PAGE);
      if (messages.length === 0) return;
      messages.forEach((message) => this.#give(message));
    }
  }

  #give({ id, clientId, from, text }) {
    this.#emit(this.#name, 'message', { room: this.#name, id, clientId, from, text });
    this.#delivered = id;
  }

  #backlog(after) {
    return after === null
      ? this.#store.latest(this.#name, this.#delivered, HISTORY)
      : this.#store.range(this.#name, after, this.#delivered, PAGE);
  }

  #announceUsers(present) {
    const users = usersOf(present);
    if (users.join() === this.#users.join()) return;
    this.#users = users;
    this.#emit(this.#name, 'presence', { room: this.#name, users });
  }

  #localUsers() {
    return new Set(this.#clients.values());
  }

  #entries() {
    return [...this.#localUsers()].map((user) => this.#entry(user));
  }

  #entry(user) {
    return presenceEntry(user, this.#processId);
  }

  #inBackground(complaint, task) {
    this.#turns.run(task).catch((error) => {
      this.#log.warn(complaint, { room: this.#name, error: error.message });
    });
  }
}
