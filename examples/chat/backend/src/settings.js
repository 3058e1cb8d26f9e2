import { readFileSync } from 'node:fs';

/**
 * Read every setting from environment variables; README.md lists them.
 *
 * Throws an Error that names the variable and the right form, so that a
 * mistyped deployment ends with one line in the journal.
 */
export function readSettings(env) {
  return {
    port: integer(env, 'PORT', 3000, { min: 1, max: 65535 }),
    serverName: env.SERVER_NAME || `chat-${process.pid}`,
    sessionSecret: required(env, 'SESSION_SECRET', 'a long random string, the same for every process'),
    staticDir: env.STATIC_DIR || '',
    streamMaxLength: integer(env, 'STREAM_MAXLEN', 10000, { min: 1 }),
    mysql: {
      host: env.MYSQL_HOST || '127.0.0.1',
      port: integer(env, 'MYSQL_PORT', 3306, { min: 1, max: 65535 }),
      user: env.MYSQL_USER || 'chat',
      password: env.MYSQL_PASSWORD || '',
      database: env.MYSQL_DATABASE || 'chat',
      ca: certificate(env, 'MYSQL_SSL_CA'),
    },
    redis: {
      nodes: redisNodes(env),
      address: redisAddress(env),
      username: env.REDIS_USERNAME || undefined,
      password: env.REDIS_PASSWORD || undefined,
      ca: certificate(env, 'REDIS_TLS_CA'),
      waitReplicas: integer(env, 'REDIS_WAIT_REPLICAS', 1, { min: 0 }),
    },
  };
}

function required(env, name, form) {
  if (!env[name]) throw new Error(`${name} is not set: give it ${form}.`);
  return env[name];
}

function integer(env, name, fallback, { min, max = Number.MAX_SAFE_INTEGER }) {
  if (!env[name]) return fallback;
  const value = Number(env[name]);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} is "${env[name]}": give it a whole number from ${min} to ${max}.`);
  }
  return value;
}

function certificate(env, name) {
  if (!env[name]) return undefined;
  try {
    return readFileSync(env[name], 'utf8');
  } catch (error) {
    throw new Error(`${name} names "${env[name]}", which cannot be read (${error.code}): give it the path of a PEM file.`);
  }
}

function redisNodes(env) {
  return (env.REDIS_NODES || '')
    .split(',')
    .map((node) => node.trim())
    .filter(Boolean)
    .map((node) => {
      const match = /^(?<host>[^:]+):(?<port>\d+)$/.exec(node);
      if (!match) throw new Error(`REDIS_NODES holds "${node}": give it host:port, separated by commas.`);
      return { host: match.groups.host, port: Number(match.groups.port) };
    });
}

function redisAddress(env) {
  if (env.REDIS_URL) {
    try {
      const url = new URL(env.REDIS_URL);
      return { host: url.hostname, port: Number(url.port || 6379), tls: url.protocol === 'rediss:' };
    } catch {
      throw new Error('REDIS_URL is not a URL: give it the form redis://host:port or rediss://host:port.');
    }
  }
  return {
    host: env.REDIS_HOST || '127.0.0.1',
    port: integer(env, 'REDIS_PORT', 6379, { min: 1, max: 65535 }),
    tls: false,
  };
}
