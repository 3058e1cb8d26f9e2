import express from 'express';

import { usersOf } from './presence.js';
import { checkCredentials, checkRoom, InvalidInput } from './validation.js';

/** The REST part: accounts, presence and health. */
export function createApp({ accounts, sessions, store, readiness, serverName, staticDir, log }) {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json({ limit: '16kb' }));

  app.get('/health', (request, response) => response.json({ status: 'ok' }));

  app.get('/api/whoami', (request, response) => response.json({ server: serverName }));

  app.get('/api/ready', async (request, response) => {
    const missing = await readiness();
    response.status(missing.length === 0 ? 200 : 503).json({ ready: missing.length === 0, missing });
  });

  app.post('/api/register', async (request, response) => {
    const { name, password } = checkCredentials(request.body);
    if (!(await accounts.register(name, password))) {
      response.status(409).json({ error: `The name "${name}" is taken.` });
      return;
    }
    response.status(201).json({ name, token: sessions.issue(name) });
  });

  app.post('/api/login', async (request, response) => {
    const { name, password } = checkCredentials(request.body);
    if (!(await accounts.authenticate(name, password))) {
      response.status(401).json({ error: 'The name or the password is wrong.' });
      return;
    }
    response.json({ name, token: sessions.issue(name) });
  });

  app.get('/api/rooms/:room/presence', async (request, response) => {
    if (!sessions.verify(bearer(request))) {
      response.status(401).json({ error: 'Log in first, and send the token as "Authorization: Bearer <token>".' });
      return;
    }
    const room = checkRoom(request.params.room);
    response.json({ room, users: usersOf(await store.present(room)) });
  });

  if (staticDir) app.use(express.static(staticDir));

  // Express knows an error handler by its four parameters.
  app.use((error, request, response, next) => {
    if (error instanceof InvalidInput || error.expose) {
      response.status(error.status).json({ error: error.message });
      return;
    }
    log.error('A request failed.', { path: request.path, error: error.message, code: error.code });
    response.status(503).json({ error: 'The chat cannot do this at the moment; try again in a few seconds.' });
  });

  return app;
}

const bearer = (request) => /^Bearer (.+)$/.exec(request.get('authorization') ?? '')?.[1];
