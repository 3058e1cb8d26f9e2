import { within } from './timing.js';

const REDIS_LIMIT = 1000; // ms

/** Returns a function that names what a process still lacks to serve clients; `[]` is ready. */
export function createReadiness({ accounts, redis, log }) {
  let mysqlReady = false;
  accounts.prepare(log).then(
    () => {
      mysqlReady = true;
      log.info('The accounts table is there.');
    },
    (error) => log.error('The accounts table cannot be made.', { error: error.message, code: error.code }),
  );

  return async () => {
    const redisReady = await within(REDIS_LIMIT, 'Redis', redis.commands.ping()).then(
      () => true,
      () => false,
    );
    return [!mysqlReady && 'mysql', !redisReady && 'redis'].filter(Boolean);
  };
}
