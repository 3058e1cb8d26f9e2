#!/usr/bin/env bash
# Makes flat APT repositories in /srv: security/ and archive/ with newer versions of the packages
# "probe" and "other", which are installed in version 1, and agents/ with an SSM agent.
set -euo pipefail

package() { # repository name version [file...]: put a package of these files into a repository
  local directory
  directory=$(mktemp -d)
  chmod 755 "$directory"
  mkdir -p "$directory/DEBIAN" "/srv/$1"
  printf '%s\n' "Package: $2" "Version: $3" "Architecture: all" "Maintainer: Molecule <root@localhost>" \
    "Description: probe" > "$directory/DEBIAN/control"
  for file in "${@:4}"; do
    install -D --mode=644 "$file" "$directory$file"
  done
  dpkg-deb --build --root-owner-group "$directory" "/srv/$1/$2_$3.deb" > /dev/null
}

publish() { # repository label: write its lists
  cd "/srv/$1"
  for deb in *.deb; do
    dpkg-deb --field "$deb"
    printf '%s\n' "Filename: ./$deb" "Size: $(stat --format=%s "$deb")" "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)" ""
  done > Packages
  printf '%s\n' "Label: $2" "Origin: Debian" "Suite: stable" "SHA256:" \
    " $(sha256sum Packages | cut -d' ' -f1) $(stat --format=%s Packages) Packages" > Release
}

package installed probe 1
package installed other 1
dpkg --install /srv/installed/*.deb
package security probe 2
publish security Debian-Security
package archive other 2
publish archive Debian

unit=/usr/lib/systemd/system/amazon-ssm-agent.service
printf '%s\n' '[Service]' 'ExecStart=/bin/sleep infinity' '[Install]' 'WantedBy=multi-user.target' > "$unit"
package agents amazon-ssm-agent 1 "$unit"
rm "$unit"
publish agents Amazon
