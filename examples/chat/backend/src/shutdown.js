import { setTimeout as sleep } from 'node:timers/promises';

const SPREAD = 6000; // ms over which clients are let go
const SETTLE = 1500; // ms for their leaving to reach Redis

/**
 * Stop without a stampede: accept no one new, then close the sockets one by one over `spread`
 * milliseconds, so that clients come back to other processes a few at a time.
 */
export async function drain({ httpServer, io, rooms, spread = SPREAD, settle = SETTLE }) {
  httpServer.close();
  const sockets = [...io.of('/').sockets.values()];
  for (const [index, socket] of sockets.entries()) {
    if (index > 0) await sleep(spread / sockets.length);
    // The transport, not the socket: a client that is told to disconnect would not come back.
    socket.conn.close();
  }
  const end = Date.now() + settle;
  while (!rooms.idle && Date.now() < end) await sleep(50);
  rooms.stop();
}
