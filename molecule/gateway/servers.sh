#!/usr/bin/env bash
# Starts Redis and MySQL as a stack's members have them: TLS, and a user with a password of the worst
# kind. HAProxy leads to them as the application's would.
set -euo pipefail
mkdir -p /run/chatlift/tls /run/mysqld /srv/gateway /etc/systemd/system/haproxy.service.d
cd /srv/gateway

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.crt
for name in redis mysql; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
  printf 'subjectAltName=DNS:%s.demo.internal\nauthorityKeyIdentifier=keyid\n' "$name" >extensions
  openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out "$name.crt"
done
cp ca.crt /run/chatlift/tls/ca.crt

cat >users.acl <<'ACL'
user default reset off
user app reset on >p$w'x"?&é ~* &* +@all
ACL
cat >redis.conf <<'CONF'
bind 127.0.0.1
port 0
tls-port 26379
tls-ca-cert-file ca.crt
tls-cert-file redis.crt
tls-key-file redis.key
tls-auth-clients optional
aclfile users.acl
save ""
dir /srv/gateway
CONF

cat >accounts.sql <<'SQL'
CREATE DATABASE chat;
CREATE USER 'app'@'%' IDENTIFIED BY 'p$w''x"?&é' REQUIRE SSL;
GRANT ALL ON chat.* TO 'app'@'%';
SQL
chown -R mysql: /srv/gateway /run/mysqld
settings=(--no-defaults --user=mysql --datadir=/srv/gateway/data --secure-file-priv=NULL --mysqlx=OFF --skip-log-bin)
mysqld "${settings[@]}" --initialize-insecure --character-set-server=utf8mb4 --init-file=/srv/gateway/accounts.sql

cat >haproxy.cfg <<'CONF'
global
    stats socket /run/haproxy/admin.sock user root group root mode 600 level admin
defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    default-server on-marked-down shutdown-sessions
listen mysql
    bind 127.0.0.1:13306
    server leader 127.0.0.1:23306
listen redis
    bind 127.0.0.1:16379
    server leader 127.0.0.1:26379
CONF
printf '[Service]\nEnvironment=CONFIG=/srv/gateway/haproxy.cfg\nRuntimeDirectory=haproxy\n' \
  >/etc/systemd/system/haproxy.service.d/test.conf
systemctl daemon-reload

systemd-run --unit=test-redis --property=WorkingDirectory=/srv/gateway redis-server /srv/gateway/redis.conf
systemd-run --unit=test-mysql --property=Type=notify mysqld "${settings[@]}" --port=23306 --bind-address=127.0.0.1 \
  --require-secure-transport=ON --socket=/run/mysqld/test.sock --pid-file=/run/mysqld/test.pid \
  --ssl-ca=/srv/gateway/ca.crt --ssl-cert=/srv/gateway/mysql.crt --ssl-key=/srv/gateway/mysql.key
