import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Accounts } from '../src/accounts.js';

/** The accounts table in memory; `lostAnswers` makes that many inserts commit and then repeat. */
class FakeDatabase {
  rows = new Map();
  lostAnswers = 0;

  async execute(sql, [name, hash]) {
    if (sql.startsWith('SELECT')) {
      return this.rows.has(name) ? [{ password_hash: this.rows.get(name) }] : [];
    }
    if (this.rows.has(name)) throw Object.assign(new Error('duplicate'), { code: 'ER_DUP_ENTRY' });
    this.rows.set(name, hash);
    if (this.lostAnswers-- > 0) return this.execute(sql, [name, hash]);
    return [];
  }
}

test('an account is registered once and authenticates with its password only', async () => {
  const accounts = new Accounts(new FakeDatabase());
  assert.equal(await accounts.register('ann', 'correct horse'), true);
  assert.equal(await accounts.register('ann', 'another horse'), false);
  assert.equal(await accounts.authenticate('ann', 'correct horse'), true);
  assert.equal(await accounts.authenticate('ann', 'another horse'), false);
  assert.equal(await accounts.authenticate('bob', 'correct horse'), false);
});

test('an insert that was committed before its answer was lost counts as registered', async () => {
  const database = new FakeDatabase();
  database.lostAnswers = 1;
  assert.equal(await new Accounts(database).register('ann', 'correct horse'), true);
});
