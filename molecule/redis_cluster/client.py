"""A client of the cluster as the application is one; runs on a member.

``write`` writes one round: a hundred keys over all shards, each with the number of the round.
``read`` prints the keys and their values as JSON.
"""

import json
import sys
from pathlib import Path

from redis.cluster import RedisCluster

KEYS = [f"molecule:{number}" for number in range(100)]
ROUND = "molecule:round"

secret = json.loads(Path("/run/chatlift/secret.json").read_text())["values"]
redis = RedisCluster(
    host="127.0.0.1",
    ssl=True,
    ssl_ca_certs="/run/chatlift/tls/ca.crt",
    username=secret["app_username"],
    password=secret["app_password"],
    decode_responses=True,
)
if sys.argv[1:] == ["write"]:
    number = redis.incr(ROUND)
    for key in KEYS:
        redis.set(key, number)
else:
    print(json.dumps({key: redis.get(key) for key in [ROUND, *KEYS]}))
