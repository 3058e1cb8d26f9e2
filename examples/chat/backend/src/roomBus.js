const CHANNEL = 'chat:room:';

/**
 * Tells the processes that serve a room that something happened in it.
 *
 * A notice carries no message, only the id up to which the room's stream may be read (or nothing:
 * "look at the presence again"). A lost notice therefore loses no message. Plain PUBLISH, not
 * SPUBLISH: notices are small, it works alike on a cluster and behind one address, and a
 * subscriber that loses its node can subscribe on any other one at once.
 */
export class RoomBus {
  #commands;
  #subscriber;
  #log;

  constructor({ commands, subscriber }, log) {
    this.#commands = commands;
    this.#subscriber = subscriber;
    this.#log = log;
  }

  /** `onNotice(room, id)`; `onReconnect()` when notices may have been missed. */
  listen({ onNotice, onReconnect }) {
    this.#subscriber.on('message', (channel, id) => onNotice(channel.slice(CHANNEL.length), id));
    this.#subscriber.on('ready', onReconnect);
  }

  async subscribe(room) {
    await this.#subscriber.subscribe(CHANNEL + room);
  }

  unsubscribe(room) {
    this.#subscriber
      .unsubscribe(CHANNEL + room)
      .catch((error) => this.#log.warn('A room could not be unsubscribed.', { room, error: error.message }));
  }

  /** Best effort: whoever misses the notice finds out at its next look at the room. */
  notify(room, id = '') {
    this.#commands
      .publish(CHANNEL + room, id)
      .catch((error) => this.#log.warn('A notice was not sent.', { room, error: error.message }));
  }
}
