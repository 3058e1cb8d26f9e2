-- Refresh the presence of a process's users in a room, and say who is there and where the stream ends.
-- KEYS: presence, stream    ARGV: life of an entry (ms), entry ...
-- Redis' own clock, so that the clocks of the processes need not agree.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
return { last and last[1] or '0-0', redis.call('ZRANGE', KEYS[1], 0, -1) }
