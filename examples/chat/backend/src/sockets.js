import { Server } from 'socket.io';

import { checkJoin, checkMessage, InvalidInput } from './validation.js';

/**
 * Socket.IO on an HTTP server. WebSocket only: long polling would need a load balancer that
 * sends all requests of a client to the same process. Pings find a dead peer within ten seconds.
 */
export function createSocketServer(httpServer) {
  return new Server(httpServer, {
    path: '/socket.io/',
    transports: ['websocket'],
    pingInterval: 5000,
    pingTimeout: 5000,
    maxHttpBufferSize: 64 * 1024,
  });
}

/** The events of README.md: `join` and `message` from clients, each with an acknowledgement. */
export function serveSockets(io, { sessions, rooms, store, serverName, log }) {
  io.use((socket, next) => {
    socket.data.user = sessions.verify(socket.handshake.auth?.token);
    next(socket.data.user ? undefined : new Error('Log in first: the token is missing, wrong or too old.'));
  });

  io.on('connection', (socket) => {
    const { user } = socket.data;
    const joined = new Set();
    const client = (room) => ({ id: socket.id, user, attach: () => socket.connected && socket.join(room) });

    answer(socket, 'join', log, async (request, reply) => {
      const { room, after } = checkJoin(request);
      joined.add(room);
      try {
        await rooms.join(room, client(room), after, reply);
      } finally {
        // It may have gone while Redis was away: nobody else would take it out again.
        if (socket.disconnected) await rooms.leave(room, client(room));
      }
    });

    answer(socket, 'message', log, async (request, reply) => {
      const { room, text, clientId } = checkMessage(request);
      if (!joined.has(room)) throw new InvalidInput(`Join the room ${room} before writing in it.`);
      const message = await store.append(room, { clientId, from: user, text });
      reply({ id: message.id });
      rooms.advance(room, message);
    });

    socket.on('disconnect', () => {
      for (const room of joined) {
        rooms.leave(room, client(room)).catch((error) => {
          log.warn('A user was not taken off a room and will expire.', { room, error: error.message });
        });
      }
    });

    socket.emit('welcome', { server: serverName, user });
  });
}

/** Acknowledge an event with `{ ok: true, ... }`, or with `{ ok: false, error, retry }`. */
function answer(socket, event, log, handle) {
  socket.on(event, async (request, acknowledge) => {
    if (typeof acknowledge !== 'function') return;
    try {
      await handle(request, (result) => acknowledge({ ok: true, ...result }));
    } catch (error) {
      const isInvalid = error instanceof InvalidInput;
      if (!isInvalid) log.error('An event failed.', { event, error: error.message });
      const sentence = isInvalid ? error.message : 'The chat cannot do this at the moment; send it again.';
      acknowledge({ ok: false, error: sentence, retry: !isInvalid });
    }
  });
}
