import { Room } from './room.js';
import { retry } from './timing.js';

const HEARTBEAT = 2000; // ms
const JOIN_DEADLINE = 8000; // ms; a failover must fit

/** The rooms that this process serves: those in which it has clients. */
export class Rooms {
  #rooms = new Map();
  #context;
  #bus;
  #heartbeat;

  /** `context` is what a Room needs; see there. */
  constructor(context) {
    this.#context = context;
    this.#bus = context.bus;
  }

  start() {
    this.#bus.listen({
      onNotice: (name, id) => this.#notice(name, id),
      onReconnect: () => this.#refreshAll(),
    });
    this.#heartbeat = setInterval(() => this.#refreshAll(), HEARTBEAT);
  }

  stop() {
    clearInterval(this.#heartbeat);
  }

  /** Are there no clients left, and nothing under way? */
  get idle() {
    return [...this.#rooms.values()].every((room) => room.idle);
  }

  /** See Room.join; tried again while Redis is changing over. */
  join(name, client, after, reply) {
    return retry(() => this.#serve(name).join(client, after, reply), { deadline: JOIN_DEADLINE });
  }

  async leave(name, client) {
    try {
      await this.#rooms.get(name)?.leave(client);
    } finally {
      this.#dismiss(name);
    }
  }

  /** A message of this room, `{ id, previous, clientId, from, text }`, is stored and safe. */
  advance(name, message) {
    this.#rooms.get(name)?.advance(message);
    this.#bus.notify(name, message);
  }

  #serve(name) {
    if (!this.#rooms.has(name)) this.#rooms.set(name, new Room(name, this.#context));
    return this.#rooms.get(name);
  }

  #dismiss(name) {
    if (!this.#rooms.get(name)?.idle) return;
    this.#rooms.delete(name);
    this.#bus.unsubscribe(name);
  }

  #notice(name, message) {
    const room = this.#rooms.get(name);
    if (message) room?.advance(message);
    else room?.refresh();
  }

  #refreshAll() {
    for (const [name, room] of this.#rooms) {
      if (room.idle) this.#dismiss(name);
      else room.refresh();
    }
  }
}
