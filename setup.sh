#!/usr/bin/env bash
# Installs what this repository needs on Debian 12 or 13: the packages of bindep.txt, a virtual
# environment in .venv, and the path under which Ansible finds the collection. Says what it
# installs; does nothing when all is there. PYTHON is the interpreter, VENV another place for the
# environment.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
venv=${VENV:-.venv}

missing_packages() {
  local package
  while read -r package; do
    # Node.js and Packer often come from elsewhere: their command is enough.
    command -v "$package" >/dev/null && continue
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -qx 'install ok installed' || echo "$package"
  done < <(sed -e 's/#.*//' -e '/^\s*$/d' bindep.txt)
}

# Debian 13 has no Packer; Debian 12's needs nothing but libc. It is fetched from the same mirror
# as everything else, without adding a source to the machine.
install_packer_of_debian_12() (
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  mkdir -p "$scratch/lists/partial"
  # shellcheck disable=SC2016  # apt-get itself expands this
  apt-get indextargets --format 'deb $(REPO_URI) bookworm main' 'Created-By: Packages' \
    "Codename: $VERSION_CODENAME" | head -n 1 >"$scratch/sources.list"
  options=(-o "Dir::Etc::sourcelist=$scratch/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$scratch/lists" -o APT::Sandbox::User=root)
  apt-get -qq "${options[@]}" update
  (cd "$scratch" && apt-get -qq "${options[@]}" download packer)
  dpkg -i "$scratch"/packer_*.deb >/dev/null
)

install_packages() {
  local packages=("$@")
  echo "setup: installing the Debian packages ${packages[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup: installing packages needs root; run: sudo ./setup.sh" >&2
    exit 1
  fi
  # shellcheck source=/dev/null
  . /etc/os-release
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  local available=()
  for package in "${packages[@]}"; do
    if [ "$package" = packer ] && ! apt-cache madison packer | grep -q .; then
      install_packer_of_debian_12
    else
      available+=("$package")
    fi
  done
  [ "${#available[@]}" -eq 0 ] || apt-get install -y -qq --no-install-recommends "${available[@]}" >/dev/null
  # Debian's nginx serves on port 80 of every address at once; the rehearsal starts its own.
  if [[ " ${available[*]} " == *" nginx "* && -d /run/systemd/system ]]; then
    systemctl disable --now --quiet nginx
  fi
}

# The Python packages are installed anew when one of the files that name them changed, or this one, or
# the interpreter, on which the version of Ansible depends.
install_python_packages() {
  local inputs=(requirements.txt tests/requirements.txt member/pyproject.toml rehearsal/pyproject.toml)
  local digest
  digest=$({ "$python" --version && cat setup.sh "${inputs[@]}"; } | sha256sum)
  [ "$(cat "$venv/digest" 2>/dev/null)" != "$digest" ] || return 0
  echo "setup: installing the Python packages of ${inputs[*]} into $venv"
  if [ "$("$venv/bin/python" --version 2>&1)" != "$("$python" --version)" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  "$venv/bin/pip" install --quiet -r requirements.txt -r tests/requirements.txt -e member -e rehearsal
  # A module of Ansible arrives as a zip of source files, which Python would compile each time.
  echo 'import chatlift_rehearsal.zip_cache as cache; cache.install()' \
    >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zip-cache.pth"
  echo "$digest" >"$venv/digest"
}

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
install_python_packages
# Packer 1.7 and newer keep their plugins apart; Debian's, which knows no init, has them inside.
! packer init -help >/dev/null 2>&1 || packer init packer/plugins
mkdir -p .collections/ansible_collections/chatlift
ln -sfn ../../.. .collections/ansible_collections/chatlift/aws
