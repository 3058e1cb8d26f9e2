import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Call `attempt` until it succeeds, its error is not worth a retry, or the deadline has passed;
 * the last error is then thrown. Times are milliseconds.
 */
export async function retry(attempt, { deadline, pause = 200, isTransient = () => true, onFailure = () => {} }) {
  const end = Date.now() + deadline;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      onFailure(error);
      if (!isTransient(error) || Date.now() + pause >= end) throw error;
    }
    await sleep(pause);
  }
}

/** Settle as `promise` does, or fail with a sentence once `limit` milliseconds have passed. */
export async function within(limit, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} had no answer within ${limit} ms.`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
