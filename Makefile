# make rehearse   the whole migration on this machine: images, stack, one chat message
# make test       every check and test, with seconds; the rehearsal is down before and after
# make collection the collection as it is published: importer, documentation, ansible-test
# make molecule   every image role and cluster, each on hosts of its own
# make docs       write the roles' READMEs from their meta/argument_specs.yml
# make down       end the rehearsal
# make clean      end it, and remove its cache and the virtual environment

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help setup rehearse test docs checks lint collection unit newest roles-and-plugins integration molecule e2e replicated down clean

# With PYTHON=python3.13 make … everything runs with that Python, in an environment of its own.
export PYTHON
export VENV := $(if $(PYTHON),.cache/venv-$(notdir $(PYTHON)),.venv)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help:
	@sed -n 's/^# make/make/p' Makefile

setup:
	@./setup.sh

rehearse: setup
	@python -m tests.e2e.rehearse

test: setup
	@rehearsal down
	trap 'rehearsal down' EXIT
	for stage in checks integration molecule rehearse e2e replicated; do
	  echo "=== $$stage"
	  start=$$SECONDS
	  $(MAKE) --no-print-directory $$stage
	  echo "=== $$stage took $$((SECONDS - start)) s"
	done

# What needs no host, two at a time. The collection is built before the unit tests write their caches, for
# these begin when one of the first two has ended.
checks: setup
	@mkdir -p build/checks
	printf '%s\n' collection lint unit newest | xargs -P 2 -I{} bash -c '
	  log=build/checks/{}.log how=took
	  $(MAKE) --no-print-directory {} >"$$log" 2>&1 || how="failed after"
	  cat "$$log"
	  echo "=== {} $$how $$SECONDS s"
	  [ "$$how" = took ]'

lint: setup
	@yamllint --strict .
	ruff check .
	ruff format --check .
	mypy
	packer fmt -check packer
	packer validate packer
	ansible-lint --offline
	ansible-docsmith validate . | tail -n 1
	ansible-docsmith generate --check . >/dev/null || { echo "A role's README is out of date: run make docs." >&2; exit 1; }

# Built, installed from its tarball and checked as a certified collection is, the unit tests of its
# plugins among it.
collection: setup
	@tests/collection.sh

docs: setup
	@ansible-docsmith generate .

unit: setup
	@for tests in tests/unit member/tests rehearsal/tests; do
	  pytest -n 2 --ignore tests/unit/plugins $$tests
	done
	npm --prefix examples/chat/backend ci --silent
	npm --prefix examples/chat/backend test

# The collection's tests once more with the newest Ansible, which wants a newer Python than Debian 12's.
newest: setup
	@if python -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
	  echo "Nothing to do: all the others ran with the newest Ansible already."
	  exit
	fi
	for python in python3.13 ~/.pyenv/versions/3.13.*/bin/python3.13; do
	  if "$$python" -c 'import ensurepip' 2>/dev/null; then
	    $(MAKE) --no-print-directory PYTHON="$$python" roles-and-plugins
	    exit
	  fi
	done
	echo "Not run: the newest Ansible needs Python 3.12 or newer, and this machine has no Python 3.13."

roles-and-plugins: setup
	@ansible --version | sed -n 1p
	pytest -n 2 tests/unit
	ansible-playbook -i inventories/production playbooks/preflight.yml | tail -n 3

integration: setup
	@pytest -n 3 --durations 10 tests/integration

# Two scenarios at a time, the longest first, so that none runs alone in the end. `molecule test --all` takes
# them one by one.
LONGEST := mysql mysql_cluster redis_cluster
SCENARIOS := $(patsubst molecule/%/molecule.yml,%,$(wildcard molecule/*/molecule.yml))
molecule: setup
	@mkdir -p build/molecule
	printf '%s\n' $(LONGEST) $(filter-out $(LONGEST),$(SCENARIOS)) | xargs -P 2 -I{} bash -c '
	  log=build/molecule/{}.log
	  if molecule test -s {} >"$$log" 2>&1; then
	    echo "molecule: {} passed in $$SECONDS s"
	  else
	    cat "$$log" >&2
	    echo "molecule: {} failed after $$SECONDS s; what it said is above and in $$log" >&2
	    exit 1
	  fi'

e2e: setup
	@pytest --durations 10 tests/e2e

# Once more with the same images, and with Redis behind one address. The tests of the stage before end
# with the destruction of their stack, its data included. What no topology changes is not tested again, and
# hand-overs by Sentinel are noticed (README, "Other images and settings, in service").
replicated: setup
	@python -m tests.e2e.rehearse --redis-topology replicated
	pytest --durations 10 tests/e2e --redis-topology replicated -k 'not mysql' $(foreach name,alarms browser members release warm_pool,--ignore tests/e2e/test_2_$(name).py)

down:
	@rehearsal down

clean:
	@[ ! -x $(VENV)/bin/rehearsal ] || rehearsal down --purge
	rm -rf .venv .collections .cache
