"""The instance's services, through systemctl."""

from __future__ import annotations

import subprocess

from .errors import AgentError


class Services:
    """Starts and stops units; a crashed one is restarted by systemd (``Restart=`` of its unit)."""

    def start(self, unit: str, timeout: float = 120) -> None:
        """Start ``unit`` and wait until systemd calls it started; nothing happens when it runs."""
        self._systemctl("start", unit, timeout=timeout)

    def restart(self, unit: str, timeout: float = 120) -> None:
        """Restart ``unit``, or start it."""
        self._systemctl("restart", unit, timeout=timeout)

    def reload(self, unit: str, timeout: float = 30) -> None:
        """Make ``unit`` read its configuration again."""
        self._systemctl("reload", unit, timeout=timeout)

    def stop(self, unit: str, timeout: float = 120) -> None:
        """Stop ``unit`` and wait until it has ended."""
        self._systemctl("stop", unit, timeout=timeout)

    def is_active(self, unit: str) -> bool:
        """True while ``unit`` runs."""
        answer = subprocess.run(
            ["systemctl", "is-active", "--quiet", unit], check=False, timeout=10
        )
        return answer.returncode == 0

    def _systemctl(self, verb: str, unit: str, timeout: float) -> None:
        try:
            subprocess.run(
                ["systemctl", verb, unit], check=True, timeout=timeout, capture_output=True
            )
        except subprocess.TimeoutExpired:
            raise AgentError(
                f"systemctl {verb} {unit} did not end within {timeout:.0f} s."
            ) from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            raise AgentError(
                f"systemctl {verb} {unit} failed ({said[0] if said else error.returncode}); "
                f"see journalctl -u {unit}."
            ) from None
