import { readFileSync } from 'node:fs';

import { Batcher } from './queues.js';
import { retry, within } from './timing.js';

const script = (name) => readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8');
const APPEND = script('append');
const SYNC = script('sync');
const INFO = ['info', 'replication'];

const ATTEMPT_LIMIT = 2000; // ms
const APPEND_DEADLINE = 8000; // ms; a failover must fit
const PRESENT_DEADLINE = 5000; // ms; someone waits for the page
const WAIT_LIMIT = 500; // ms
const RECEIPT_LIFE = 3600; // s; how late a sender may repeat a message
const PRESENCE_LIFE = 7000; // ms; outlives a failover, yet a killed process's users are gone in 10 s

/**
 * A room as Redis holds it: a bounded stream of messages, receipts that make a repeated message
 * appear once, and presence. All keys of a room share a hash slot, hence a node and a script.
 */
export class RoomStore {
  #commands;
  #refresh;
  #waitReplicas;
  #shardOf;
  #streamMaxLength;
  #writes = new Batcher((shard, writes) => this.#writeTogether(writes));

  constructor({ commands, refresh, shardOf }, { waitReplicas, streamMaxLength }) {
    this.#commands = commands;
    this.#refresh = refresh;
    this.#shardOf = shardOf;
    this.#waitReplicas = waitReplicas;
    this.#streamMaxLength = streamMaxLength;
  }

  /**
   * Store `{ clientId, from, text }` and, once it is safe (see `isSafe`), return it with its stream
   * `id` and the id of the one before it, `previous`, if that is known. A message with a known
   * clientId of the same sender keeps its first id.
   */
  append(room, message) {
    return retry(() => this.#append(room, message), { deadline: APPEND_DEADLINE });
  }

  /**
   * Refresh `entries` in the room's presence. Returns `{ tail, entries, safe }`: the stream's last
   * id, everyone's entries, and whether the stream up to that id would survive the master's loss.
   */
  async sync(room, entries) {
    const { result, safe } = await this.#write(room, syncing(room, entries));
    return { ...synced(result), safe };
  }

  /** As `sync`, for a fraction of its work, without `safe`: enough as long as nothing is new. */
  async look(room, entries) {
    const [result] = await this.#pipeline(room, [syncing(room, entries)]);
    return synced(result);
  }

  /** Everyone's entries in a room's presence; tried again while Redis is changing over. */
  present(room) {
    return retry(async () => (await this.look(room, [])).entries, { deadline: PRESENT_DEADLINE });
  }

  async leave(room, entry) {
    await this.#attempt(room, this.#commands.zrem(key(room, 'presence'), entry));
  }

  /** At most `count` messages after one id, up to and including another, in order. */
  async range(room, after, upTo, count) {
    return toMessages(
      room,
      await this.#attempt(room, this.#commands.xrange(key(room, 'messages'), `(${after}`, upTo, 'COUNT', count)),
    );
  }

  /** The last `count` messages up to and including an id, in order. */
  async latest(room, upTo, count) {
    const entries = await this.#attempt(
      room,
      this.#commands.xrevrange(key(room, 'messages'), upTo, '-', 'COUNT', count),
    );
    return toMessages(room, entries.reverse());
  }

  async #append(room, message) {
    const { clientId, from, text } = message;
    const { result, safe } = await this.#write(room, [
      ...['eval', APPEND, 2, key(room, 'messages'), key(room, `receipt:${from}:${clientId}`)],
      ...[this.#streamMaxLength, RECEIPT_LIFE, clientId, from, text],
    ]);
    if (result instanceof Error) throw result;
    if (!safe) throw new Error(`The message in room ${room} has too few copies yet.`);
    const [id, previous = null] = result;
    return { id, previous, ...message };
  }

  /**
   * Send a write and wait for replicas to have it: `{ result, safe }`, a write's error as its result.
   *
   * All rooms of a shard go together, and a shard's next writes when the last ones are through: WAIT
   * holds up its connection, for its whole limit when a replica leaves just then, and one WAIT a
   * room would hold it up once for each.
   */
  #write(room, command) {
    return this.#writes.add(this.#shardOf(key(room, 'messages')), { room, command });
  }

  /**
   * Writes of one shard and, on the same connection, WAIT. (ioredis sends a pipeline again as a
   * whole or not at all, so WAIT never speaks for a connection that did not write.)
   */
  async #writeTogether(writes) {
    const [{ room }] = writes;
    const commands = writes.map(({ command }) => command);
    if (this.#waitReplicas === 0) {
      return (await this.#pipeline(room, commands)).map((result) => ({ result, safe: true }));
    }
    // WAIT would spend its whole limit on a replica that is not there: ask first.
    const [, before] = await this.#pipeline(room, [['exists', key(room, 'messages')], INFO]);
    const wait = ['wait', Math.min(this.#waitReplicas, replicasInStep(before)), WAIT_LIMIT];
    const results = await this.#pipeline(room, [...commands, wait, INFO]);
    const [copies, after] = results.splice(commands.length);
    const safe = isSafe(this.#waitReplicas, copies, after);
    return results.map((result) => ({ result, safe }));
  }

  /** Commands without a key, such as WAIT, go where those with the room's keys go. */
  async #pipeline(room, commands) {
    const replies = await this.#attempt(room, this.#commands.pipeline(commands).exec());
    if (replies.some(([error]) => error)) this.#refresh();
    return replies.map(([error, value]) => error ?? value);
  }

  async #attempt(room, promise) {
    try {
      return await within(ATTEMPT_LIMIT, `Redis, asked about room ${room},`, promise);
    } catch (error) {
      this.#refresh();
      throw error;
    }
  }
}

/** How many replicas of the master that answered INFO replication are in step with it. */
export function replicasInStep(info) {
  return String(info).match(/^slave\d+:.*\bstate=online\b/gm)?.length ?? 0;
}

/**
 * Do enough replicas have what was written? `copies` is what WAIT answered, `info` what INFO
 * replication did right after it. As many as are in step must have it; with none left the master
 * alone has to do, since refusing would turn the loss of a replica into an outage.
 */
export function isSafe(wanted, copies, info) {
  if (copies instanceof Error || !/^role:master\r?$/m.test(info)) return false;
  return copies >= Math.min(wanted, replicasInStep(info));
}

const key = (room, what) => `chat:{${room}}:${what}`;

const syncing = (room, entries) => [
  ...['eval', SYNC, 2, key(room, 'presence'), key(room, 'messages')],
  ...[PRESENCE_LIFE, ...entries],
];

function synced(result) {
  if (result instanceof Error) throw result;
  const [tail, entries] = result;
  return { tail, entries };
}

function toMessages(room, entries) {
  // Fields in the order in which append.lua wrote them.
  return entries.map(([id, [, clientId, , from, , text]]) => ({ room, id, clientId, from, text }));
}
