const CHANNEL = 'chat:room:';

/** A notice of another version, which cannot be read, is a reason to look, too. */
const read = (notice) => {
  try {
    return JSON.parse(notice);
  } catch {
    return null;
  }
};

/**
 * Tells the processes that serve a room that something happened in it.
 *
 * A notice carries a message of the room's stream that is safe there, or nothing: "look at the
 * presence again". What a lost notice would have told is read from the stream. Plain PUBLISH, not
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

  /** `onNotice(room, message)`; `onReconnect()` when notices may have been missed. */
  listen({ onNotice, onReconnect }) {
    this.#subscriber.on('message', (channel, notice) =>
      onNotice(channel.slice(CHANNEL.length), read(notice)),
    );
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
  notify(room, message = null) {
    this.#commands
      .publish(CHANNEL + room, JSON.stringify(message))
      .catch((error) => this.#log.warn('A notice was not sent.', { room, error: error.message }));
  }
}
