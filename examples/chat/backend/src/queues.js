/** Runs asynchronous tasks one after the other; a task that fails does not stop the next one. */
export class SerialQueue {
  #last = Promise.resolve();
  #size = 0;

  get idle() {
    return this.#size === 0;
  }

  run(task) {
    this.#size += 1;
    const result = this.#last.then(task).finally(() => {
      this.#size -= 1;
    });
    this.#last = result.catch(() => {});
    return result;
  }
}

/**
 * Group commit: while `work(key, items)` is under way for a key, further items of that key wait
 * and go together in the next call. `work` returns one result an item, an Error for one that failed.
 */
export class Batcher {
  #work;
  #waiting = new Map();

  constructor(work) {
    this.#work = work;
  }

  add(key, item) {
    return new Promise((resolve, reject) => {
      const entry = { item, resolve, reject };
      const waiting = this.#waiting.get(key);
      if (waiting) {
        waiting.push(entry);
      } else {
        this.#waiting.set(key, [entry]);
        this.#drain(key);
      }
    });
  }

  async #drain(key) {
    for (let batch; (batch = this.#waiting.get(key)).length > 0; ) {
      this.#waiting.set(key, []);
      try {
        const results = await this.#work(key, batch.map(({ item }) => item));
        batch.forEach(({ resolve, reject }, index) =>
          results[index] instanceof Error ? reject(results[index]) : resolve(results[index]),
        );
      } catch (error) {
        batch.forEach(({ reject }) => reject(error));
      }
    }
    this.#waiting.delete(key);
  }
}

/**
 * Lets `slots` tasks run at once, and others wait for up to `patience` milliseconds; then they fail.
 * An overload that lasts would else have all time go into tasks whose callers have given up.
 */
export class BoundedQueue {
  #free;
  #patience;
  #waiting = [];

  constructor({ slots, patience }) {
    this.#free = slots;
    this.#patience = patience;
  }

  async run(task) {
    await this.#turn();
    try {
      return await task();
    } finally {
      this.#pass();
    }
  }

  #turn() {
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const entry = { resolve };
      entry.timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(new Error('Too much waits to be done.'));
      }, this.#patience);
      this.#waiting.push(entry);
    });
  }

  #pass() {
    const next = this.#waiting.shift();
    if (!next) {
      this.#free += 1;
      return;
    }
    clearTimeout(next.timer);
    next.resolve();
  }
}
