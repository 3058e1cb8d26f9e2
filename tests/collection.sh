#!/usr/bin/env bash
# Builds the collection as it is published, installs it from its tarball, and checks what was installed
# as a certified collection is checked: importer, documentation, ansible-test's sanity and unit tests,
# and that its playbooks are found under the collection's name.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
site=$(python -c 'import ansible_collections; print(list(ansible_collections.__path__)[0])')
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
export ANSIBLE_COLLECTIONS_PATH="$scratch/installed"

echo "== build and install from the tarball"
ansible-galaxy collection build --output-path "$scratch" | sed "s|$scratch/||"
tarball=$(echo "$scratch"/chatlift-aws-*.tar.gz)
(cd "$scratch" && ansible-galaxy collection install --offline --no-deps -p installed "$tarball" >/dev/null)
installed="$scratch/installed/ansible_collections"
for needed in amazon/aws community/aws community/crypto ansible/posix; do
  mkdir -p "$installed/${needed%/*}"
  cp -a "$site/$needed" "$installed/$needed" # a link would lead into a directory that git ignores
done

echo "== galaxy-importer"
printf '[galaxy-importer]\nRUN_ANSIBLE_LINT = False\n' >"$scratch/importer.cfg" # make lint has run it
(cd "$scratch" && GALAXY_IMPORTER_CONFIG=importer.cfg python -m galaxy_importer.main "$tarball") >"$scratch/importer.log" 2>&1 ||
  { cat "$scratch/importer.log" >&2; exit 1; }
if grep -E '^(WARNING|ERROR)' "$scratch/importer.log" >&2; then exit 1; fi

echo "== changelog and execution environment"
antsibull-changelog lint
ansible-builder create --file execution-environment.yml --context "$scratch/environment" >/dev/null

cd "$installed/chatlift/aws"
# From here on only what was copied counts: of two of a name, the one whose path sorts first is taken, and
# those of the virtual environment are in a directory that git ignores.
export ANSIBLE_COLLECTIONS_SCAN_SYS_PATH=false
echo "== antsibull-docs lint-collection-docs"
antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .

echo "== ansible-playbook chatlift.aws.site"
ansible-playbook -i inventories/production chatlift.aws.site --list-tasks >/dev/null

# Its virtual environments get pip from a script on a host of its own. The one that Python brings does
# as well, and needs nothing but the package index.
echo "== ansible-test sanity"
export HOME="$scratch/home"
mkdir -p "$HOME/.ansible/test/cache"
pip=$(grep -oPm1 "pip='\K[0-9.]+" "${site%/*}/ansible_test/_internal/python_requirements.py")
cat >"$HOME/.ansible/test/cache/get_pip_${pip//./_}.py" <<'PYTHON'
import subprocess
import sys

wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=True)
PYTHON
ansible-test sanity --venv --python "$version" --color no 2>&1 | cut -c -300 | grep -E '^(Running sanity|ERROR|FATAL|See doc)'

echo "== ansible-test units"
ansible-test units --venv --python "$version" --color no >"$scratch/units.log" 2>&1 ||
  { cat "$scratch/units.log" >&2; exit 1; }
grep ' passed' "$scratch/units.log"
