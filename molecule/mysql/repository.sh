#!/usr/bin/env bash
# Makes a signed APT repository in /srv/mysql, past its validity, of the MySQL that Debian's suite
# unstable has and of what it needs; /srv/mysql/key.asc is its key.
set -euo pipefail

# shellcheck disable=SC2016  # apt-get itself expands this
index=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main')
echo "deb [check-valid-until=no] ${index%%$'\n'*} unstable main" > /etc/apt/sources.list.d/unstable.list
printf '%s\n' 'Package: *' 'Pin: release a=unstable' 'Pin-Priority: 1' > /etc/apt/preferences.d/unstable
apt-get -q update
apt-get -q --yes --no-install-recommends install gnupg
mkdir -p /srv/mysql/pool /srv/mysql/dists/lts/server/binary-amd64
apt-get -q --yes --no-install-recommends --download-only -o Dir::Cache::archives=/srv/mysql/pool \
  -o APT::Solver=3.0 -o APT::Solver::Strict-Pinning=0 \
  install mysql-server-core mysql-client-core mysql-client
rm /etc/apt/sources.list.d/unstable.list /etc/apt/preferences.d/unstable
apt-get -q update

cd /srv/mysql
for deb in pool/*.deb; do
  dpkg-deb --field "$deb"
  printf '%s\n' "Filename: $deb" "Size: $(stat --format=%s "$deb")" "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)" ""
done > dists/lts/server/binary-amd64/Packages
cd dists/lts
packages=server/binary-amd64/Packages
printf '%s\n' "Origin: Molecule" "Suite: lts" "Components: server" "Architectures: amd64" \
  "Date: $(date --utc --date '2 days ago' --rfc-email)" "Valid-Until: $(date --utc --date '1 day ago' --rfc-email)" "SHA256:" \
  " $(sha256sum $packages | cut -d' ' -f1) $(stat --format=%s $packages) $packages" > Release
gpg --batch --quiet --passphrase '' --quick-generate-key molecule ed25519 sign never
gpg --batch --quiet --clearsign --output InRelease Release
gpg --armor --export > /srv/mysql/key.asc
