import { hashPassword, verifyPassword } from './passwords.js';

// A primary key, because Group Replication certifies rows by it.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS accounts (
    name          VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at    TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP
  ) ENGINE = InnoDB`;

/** Accounts in MySQL. */
export class Accounts {
  #database;
  #decoy = hashPassword('no account has this password');

  constructor(database) {
    this.#database = database;
  }

  /** Make the table unless it is there; waits for as long as the database is away or read-only. */
  async prepare(log) {
    let reason;
    await this.#database.execute(SCHEMA, [], {
      deadline: Infinity,
      onFailure: ({ code }) => {
        if (code !== reason) log.warn('The accounts table cannot be made yet.', { code });
        reason = code;
      },
    });
  }

  /** True if the account is new, false if the name is taken. */
  async register(name, password) {
    const hash = await hashPassword(password);
    try {
      await this.#database.execute('INSERT INTO accounts (name, password_hash) VALUES (?, ?)', [name, hash]);
      return true;
    } catch (error) {
      if (error.code !== 'ER_DUP_ENTRY') throw error;
      // The connection may have been lost after the commit and the insert repeated:
      // the salt makes the hash unique, so it tells whether the row is ours.
      return (await this.#hashOf(name)) === hash;
    }
  }

  async authenticate(name, password) {
    const hash = await this.#hashOf(name);
    // An unknown name costs as much time as a wrong password, so that names cannot be probed.
    const matches = await verifyPassword(password, hash ?? (await this.#decoy));
    return hash !== null && matches;
  }

  async #hashOf(name) {
    const rows = await this.#database.execute('SELECT password_hash FROM accounts WHERE name = ?', [name]);
    return rows.length > 0 ? rows[0].password_hash : null;
  }
}
