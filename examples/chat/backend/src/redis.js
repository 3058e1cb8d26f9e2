import { Cluster, Command, Redis } from 'ioredis';

// Short limits, so that a server that fell silent costs seconds: a failover then shows as a late
// acknowledgement. All values are milliseconds.
const CONNECT_TIMEOUT = 2000;
const SOCKET_TIMEOUT = 1500;
const RECONNECT_PAUSE = 200;

/**
 * Connect to a cluster (`nodes`) or to one address.
 *
 * Returns `{ commands, subscriber, refresh, shardOf }`. `refresh` makes a cluster client look again
 * at who serves which slot; a client of one address leaves that to whatever stands behind it.
 * `shardOf(key)` is the same text for all keys that one server serves, as far as is known.
 */
export function connectRedis({ nodes, address, username, password, ca }, log) {
  const common = {
    username,
    password,
    tls: ca || address.tls ? { ca } : undefined,
    connectTimeout: CONNECT_TIMEOUT,
    socketTimeout: SOCKET_TIMEOUT,
    keepAlive: 5000,
  };
  const client = nodes.length > 0 ? cluster(nodes, common) : single(address, common);
  for (const connection of new Set([client.commands, client.subscriber])) logChanges(connection, log);
  return client;
}

function logChanges(connection, log) {
  let reachable = true;
  connection.on('error', (error) => {
    if (reachable) log.warn('Redis is not reachable.', { error: error.message });
    reachable = false;
  });
  connection.on('ready', () => {
    log.info('Redis is reachable.');
    reachable = true;
  });
}

function cluster(nodes, redisOptions) {
  const client = new Cluster(nodes, {
    redisOptions,
    clusterRetryStrategy: () => RECONNECT_PAUSE,
    retryDelayOnFailover: RECONNECT_PAUSE,
    retryDelayOnClusterDown: RECONNECT_PAUSE,
    slotsRefreshTimeout: 1000,
    slotsRefreshInterval: 5000,
    // Addresses stay as they are announced: certificates are checked against them.
    dnsLookup: (host, callback) => callback(null, host),
  });
  return {
    commands: client,
    subscriber: client,
    refresh: () => client.refreshSlotsCache(),
    shardOf: (key) => (client.slots[new Command('exists', [key]).getSlot()] ?? []).join(),
  };
}

function single({ host, port }, options) {
  const commands = new Redis({
    ...options,
    host,
    port,
    retryStrategy: () => RECONNECT_PAUSE,
    maxRetriesPerRequest: 1,
    // A master that was demoted: the address leads to its successor, once asked again.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  // A subscriber waits for news for as long as there is none: silence is no fault there.
  const subscriber = commands.duplicate({ socketTimeout: undefined, maxRetriesPerRequest: null });
  return { commands, subscriber, refresh: () => {}, shardOf: () => '' };
}
