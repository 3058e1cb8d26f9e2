# make rehearse   the whole migration on this machine: images, stack, one chat message
# make test       every check and test; ends with the rehearsal taken down
# make down       end the rehearsal (make clean: also its cache and the virtual environment)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
PACKAGES = $(shell sed 's/\#.*//' bindep.txt)
COLLECTION := .collections/ansible_collections/chatlift/aws

.PHONY: help setup packages rehearse test lint unit integration e2e down clean

help:
	@sed -n 's/^# make/make/p' Makefile

setup: packages $(VENV)/.ready $(COLLECTION)

# A package counts as there when its command or its dpkg record is: Node.js often comes from elsewhere.
packages:
	@missing=()
	for package in $(PACKAGES); do
	  command -v "$$package" >/dev/null && continue
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$$package")
	done
	if [ "$${#missing[@]}" -gt 0 ]; then
	  echo "setup: installing the Debian packages $${missing[*]}"
	  if [ "$$(id -u)" -ne 0 ]; then
	    echo "setup: this needs root. Run: sudo apt-get install $${missing[*]}" >&2
	    exit 1
	  fi
	  apt-get update -qq
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null
	fi

$(VENV)/.ready: requirements.txt tests/requirements.txt member/pyproject.toml rehearsal/pyproject.toml
	@echo "setup: installing the Python packages of requirements.txt, tests/requirements.txt, member/ and rehearsal/ into $(VENV)"
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt --requirement tests/requirements.txt \
	  --editable member --editable rehearsal
	touch $@

$(COLLECTION):
	@mkdir -p $(dir $@)
	ln -sfn ../../.. $@

rehearse: setup
	@python -m tests.e2e.rehearse

test: setup
	@trap 'rehearsal down' EXIT
	for stage in lint unit integration rehearse e2e; do
	  echo "=== $$stage"
	  start=$$SECONDS
	  $(MAKE) --no-print-directory $$stage
	  echo "=== $$stage: $$((SECONDS - start)) s"
	done

lint: setup
	@yamllint --strict .
	ruff check .
	ruff format --check .
	mypy
	ansible-lint --offline
	packer fmt -check packer
	packer validate packer

unit: setup
	@pytest tests/unit member/tests rehearsal/tests
	npm --prefix examples/chat/backend ci --silent
	npm --prefix examples/chat/backend test

integration: setup
	@pytest tests/integration

e2e: setup
	@pytest tests/e2e

down:
	@rehearsal down

clean:
	@[ ! -x $(BIN)/rehearsal ] || rehearsal down --purge
	rm -rf $(VENV) .collections .cache
