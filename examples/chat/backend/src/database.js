import mysql from 'mysql2/promise';

import { retry } from './timing.js';

// The server is changing over to another primary, or no longer the primary.
const TRANSIENT = new Set([
  'PROTOCOL_SEQUENCE_TIMEOUT', // no answer in time
  'ER_CON_COUNT_ERROR',
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_OPERATION_NOT_ALLOWED_WHILE_PRIMARY_CHANGE_IS_RUNNING',
  'ER_OPTION_PREVENTS_STATEMENT', // read-only: a secondary, or a primary about to step down
  'ER_READ_ONLY_MODE',
  'ER_RUN_HOOK_ERROR', // Group Replication refused the commit
  'ER_SERVER_OFFLINE_MODE', // on its way into or out of its group
  'ER_SERVER_SHUTDOWN',
  'ER_TRANSACTION_ROLLBACK_DURING_COMMIT',
]);

/** Whether to run a statement again: always when its connection ended, for any of the many reasons. */
export const isTransient = (error) => error.fatal === true || TRANSIENT.has(error.code);

/** A pool whose statements outlive a change of primary. Statements must bear being run twice. */
export class Database {
  #pool;

  constructor({ host, port, user, password, database, ca }) {
    this.#pool = mysql.createPool({
      host,
      port,
      user,
      password,
      database,
      ssl: ca ? { ca, verifyIdentity: true } : undefined,
      connectionLimit: 10,
      connectTimeout: 3000,
      enableKeepAlive: true,
      keepAliveInitialDelay: 5000,
    });
  }

  /** Run a statement; a lost or read-only server is tried again until `deadline` (milliseconds). */
  execute(sql, values = [], { deadline = 10_000, onFailure } = {}) {
    return retry(() => this.#once(sql, values), { deadline, isTransient, onFailure });
  }

  async #once(sql, values) {
    const connection = await this.#pool.getConnection();
    try {
      const [result] = await connection.query({ sql, values, timeout: 5000 });
      connection.release();
      return result;
    } catch (error) {
      // A connection to a server that stopped being the primary is of no more use, though it lives.
      if (isTransient(error)) connection.destroy();
      else connection.release();
      throw error;
    }
  }

  close() {
    return this.#pool.end();
  }
}
