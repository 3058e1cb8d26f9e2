import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { Accounts } from './accounts.js';
import { Database } from './database.js';
import { createApp } from './http.js';
import { createLog } from './log.js';
import { createReadiness } from './readiness.js';
import { connectRedis } from './redis.js';
import { RoomBus } from './roomBus.js';
import { Rooms } from './rooms.js';
import { RoomStore } from './roomStore.js';
import { Sessions } from './sessions.js';
import { readSettings } from './settings.js';
import { drain } from './shutdown.js';
import { createSocketServer, serveSockets } from './sockets.js';

const EXIT_DEADLINE = 9500; // ms after SIGTERM

function start(settings) {
  const { serverName } = settings;
  const log = createLog(serverName);
  const sessions = new Sessions(settings.sessionSecret);
  const accounts = new Accounts(new Database(settings.mysql));
  const redis = connectRedis(settings.redis, log);
  const store = new RoomStore(redis, {
    waitReplicas: settings.redis.waitReplicas,
    streamMaxLength: settings.streamMaxLength,
  });
  const readiness = createReadiness({ accounts, redis, log });

  const httpServer = createServer(
    createApp({ accounts, sessions, store, readiness, serverName, staticDir: settings.staticDir, log }),
  );
  const io = createSocketServer(httpServer);
  const rooms = new Rooms({
    // Not the server's name: a process started again must not inherit its predecessor's users.
    processId: randomUUID(),
    store,
    bus: new RoomBus(redis, log),
    emit: (room, event, payload) => io.to(room).emit(event, payload),
    log,
  });
  serveSockets(io, { sessions, rooms, store, serverName, log });
  rooms.start();

  httpServer.listen(settings.port, () => log.info('Listening.', { port: settings.port }));
  process.once('SIGTERM', () => stop({ httpServer, io, rooms, log }));
  process.once('SIGINT', () => stop({ httpServer, io, rooms, log }));
}

async function stop({ httpServer, io, rooms, log }) {
  log.info('Stopping: clients are let go.', { clients: io.engine.clientsCount });
  setTimeout(() => process.exit(1), EXIT_DEADLINE).unref();
  await drain({ httpServer, io, rooms });
  log.info('Stopped.');
  process.exit(0);
}

try {
  start(readSettings(process.env));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
