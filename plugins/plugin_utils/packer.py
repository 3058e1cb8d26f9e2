# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running Packer, and understanding what it prints.

Format of the output: https://developer.hashicorp.com/packer/docs/commands#machine-readable-output
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Callable, Mapping

from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError

MINIMUM = (1, 6, 6)

# Seconds that an interrupted Packer has to terminate its instance.
CLEANUP_TIMEOUT = 600

_TASK = re.compile(r"^TASK \[(?P<name>.+?)\] \**$")
_FAILURE = re.compile(r"^(?:fatal|failed): \[.*?\](?: \(item=.*?\))?.*? => (?P<result>.*)$")
_SOURCE = re.compile(r"^(?:==> | {4})[\w-]+\.[\w-]+: ?")


def check_version(executable: str) -> None:
    """See that Packer is there and not too old.

    Raises:
        ChatliftError: It is not.
    """
    needed = ".".join(map(str, MINIMUM))
    if shutil.which(executable) is None:
        raise ChatliftError(
            f"Packer is needed to bake images, but there is no command {executable!r} on the"
            f" controller: install Packer {needed} or newer."
        )
    answer = subprocess.run(
        [executable, "version"], capture_output=True, text=True, check=False, timeout=60
    )
    found = re.search(r"Packer v(\d+)\.(\d+)\.(\d+)", answer.stdout)
    if found is None:
        raise ChatliftError(f"The command {executable!r} is not HashiCorp's Packer: install that.")
    if tuple(map(int, found.groups())) < MINIMUM:
        raise ChatliftError(
            f"{found.group()} is too old to bake images: install Packer {needed} or newer."
        )


class Output:
    """What Packer has printed so far."""

    def __init__(self) -> None:
        self.image_id: str | None = None
        self._task: str | None = None
        self._failed: str | None = None
        self._errors: list[str] = []

    def feed(self, line: str) -> str | None:
        """Take in one line; returns what is worth showing of it as progress."""
        fields = line.rstrip("\n").split(",", 3)
        if len(fields) < 4:
            return None
        kind, data = fields[2], fields[3].replace("%!(PACKER_COMMA)", ",")
        if kind == "artifact":
            self._artifact(data)
        if kind != "ui":
            return None
        severity, _comma, text = data.partition(",")
        own = _SOURCE.sub("", text)
        if severity == "error":
            self._errors.append(own)
        elif severity == "say":
            # Packer's summary has no source before it; Ansible's command line is for the log.
            return own if own != text and not own.startswith("Executing Ansible") else None
        return self._ansible(own)

    def _artifact(self, data: str) -> None:
        parts = data.split(",")  # index, "id", region:AMI
        if parts[1:2] == ["id"]:
            self.image_id = parts[2].rpartition(":")[2]

    def _ansible(self, text: str) -> str | None:
        """A message, which is one line; ``\\n`` in it belongs to its JSON."""
        if task := _TASK.match(text):
            self._task = task["name"]
            return self._task
        if failure := _FAILURE.match(text):
            self._failed = f"the task '{self._task}' failed: {_explain(failure['result'])}"
        return None

    @property
    def failure(self) -> str:
        """Why the build failed: the task of Ansible, or else what Packer said."""
        if self._failed:
            return self._failed
        return "; ".join(dict.fromkeys(self._errors)) or "Packer did not say why"


def _explain(result: str) -> str:
    """The message of a failed task, with the last words of the command if it ran one."""
    try:
        details: dict[str, Any] = json.loads(result)
    except ValueError:
        return result
    message = str(details.get("msg", result))
    last_words = str(details.get("stderr") or details.get("module_stderr") or "").strip()
    tail = " / ".join(line[-200:] for line in last_words.splitlines()[-3:])
    return f"{message}: {tail}" if tail and tail not in message else message


def build(
    command: list[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    log: Path,
    progress: Callable[[str], None],
) -> Output:
    """Run ``packer build``, keep all it prints in ``log`` and tell ``progress`` what it does.

    When this is interrupted, so is Packer, which then terminates its instance; this waits for it.

    Raises:
        ChatliftError: The build failed or left no image; the message says why and names the log.
    """
    output = Output()
    with log.open("w") as kept:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            for line in process.stdout or ():
                kept.write(line)
                kept.flush()
                if text := output.feed(line):
                    progress(text)
            process.wait()
        except BaseException:
            kept.write(_interrupt(process))
            raise
    if process.returncode or output.image_id is None:
        raise ChatliftError(f"The bake failed: {output.failure}. The whole log is {log}.")
    return output


def _interrupt(process: subprocess.Popen[str]) -> str:
    """End Packer as Ctrl-C in a terminal would; returns what it still had to say."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    rest, _errors = process.communicate(timeout=CLEANUP_TIMEOUT)
    return rest or ""
