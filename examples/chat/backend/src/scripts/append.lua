-- Append a message to a room's stream, once for each client id. Gives its id, and the id of the one
-- before it if it has been appended just now.
-- KEYS: stream, receipt    ARGV: stream length, receipt's life (s), clientId, from, text
local known = redis.call('GET', KEYS[2])
if known then
  -- A write even now: WAIT waits for the caller's last write, and the first one may have been
  -- made through another connection.
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  return { known }
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
  'clientId', ARGV[3], 'from', ARGV[4], 'text', ARGV[5])
redis.call('SET', KEYS[2], id, 'EX', ARGV[2])
return { id, last and last[1] or '0-0' }
