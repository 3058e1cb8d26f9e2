import jwt from 'jsonwebtoken';

const ALGORITHM = 'HS256';

/** Signed tokens: any process that has the secret can tell who a caller is, without a lookup. */
export class Sessions {
  #secret;

  constructor(secret) {
    this.#secret = secret;
  }

  issue(name, lifetimeSeconds = 12 * 3600) {
    return jwt.sign({}, this.#secret, { algorithm: ALGORITHM, subject: name, expiresIn: lifetimeSeconds });
  }

  /** The account's name, or null for a token that is missing, forged or too old. */
  verify(token) {
    try {
      return jwt.verify(token, this.#secret, { algorithms: [ALGORITHM] }).sub;
    } catch {
      return null;
    }
  }
}
