"""A client of the group as the application is one; runs on a member.

``write`` adds a row at the primary; ``read`` prints how many rows the member itself has, and how
many the primary, as JSON.
"""

import http.client
import json
import ssl
import sys
from pathlib import Path

import pymysql

secret = json.loads(Path("/run/chatlift/secret.json").read_text())["values"]
members = json.loads(Path("/etc/chatlift/instance.json").read_text())["mysql"]


def leads(address: str) -> bool:
    """Whether the member's agent says that it is the primary; the dead say nothing."""
    connection = http.client.HTTPConnection(address, 8008, timeout=1)
    try:
        connection.request("GET", "/primary")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False


def query(address: str, *statements: str) -> int:
    """Run statements one after the other; the answer is the last one's single number."""
    with (
        pymysql.connect(
            host=address,
            user=secret["app_username"],
            password=secret["app_password"],
            database=secret["app_database"],
            ssl=ssl.create_default_context(cafile="/run/chatlift/tls/ca.crt"),
            autocommit=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        return int(cursor.fetchone()[0])


[primary] = [member["address"] for member in members if leads(member["address"])]
COUNT = "SELECT COUNT(*) FROM molecule"
if sys.argv[1:] == ["write"]:
    query(
        primary,
        "CREATE TABLE IF NOT EXISTS molecule (id INT AUTO_INCREMENT PRIMARY KEY)",
        "INSERT INTO molecule () VALUES ()",
        COUNT,
    )
else:
    print(json.dumps({"own": query("127.0.0.1", COUNT), "primary": query(primary, COUNT)}))
