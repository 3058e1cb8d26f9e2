"""The instance's services, through systemctl."""

from __future__ import annotations

import subprocess

from .errors import AgentError

SHOW_SECONDS = 10
"""For systemd to tell how a unit is."""


class Services:
    """Starts and stops units; a crashed one is restarted by systemd (``Restart=`` of its unit)."""

    def start(self, unit: str, timeout: float = 120) -> None:
        """Start ``unit`` and wait until systemd calls it started; nothing happens when it runs."""
        self._systemctl("start", unit, timeout=timeout)

    def stop(self, *units: str, timeout: float = 120) -> None:
        """Stop ``units``, all at the same time, and wait until the last of them has ended."""
        self._systemctl("stop", *units, timeout=timeout)

    def restart(self, unit: str, timeout: float = 120) -> None:
        """Restart ``unit``, unless it was stopped, and wait until systemd calls it started."""
        self._systemctl("try-restart", unit, timeout=timeout)

    def reload(self, unit: str, timeout: float = 120) -> None:
        """Make ``unit`` read its files again; it is restarted if it knows no other way."""
        self._systemctl("try-reload-or-restart", unit, timeout=timeout)

    def begin(self, unit: str) -> subprocess.Popen[bytes]:
        """Start ``unit`` and return at once; the process ends with 0 when it has started.

        For a unit that is ``Type=oneshot`` this means: when its command has succeeded.
        """
        return subprocess.Popen(
            ["systemctl", "start", unit], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self, unit: str, timeout: float = 10) -> None:
        """End ``unit`` now, without asking its processes, and wait until it has ended."""
        self._systemctl("stop", "--no-block", unit, timeout=timeout)
        # Nothing is left to be killed when it does not run, which is not worth an error.
        subprocess.run(
            ["systemctl", "kill", "--signal=SIGKILL", unit], check=False, capture_output=True
        )
        self._systemctl("stop", unit, timeout=timeout)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """The ``properties`` of ``unit`` as systemd has them: systemctl(1), "show"."""
        try:
            shown = subprocess.run(
                ["systemctl", "show", f"--property={','.join(properties)}", unit],
                check=True,
                timeout=SHOW_SECONDS,
                capture_output=True,
                text=True,
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise AgentError(f"systemd does not tell how {unit} is: {error}") from None
        return dict(line.split("=", 1) for line in shown.splitlines())

    def is_active(self, unit: str) -> bool:
        """Whether ``unit`` runs."""
        return (
            subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0
        )

    def _systemctl(self, verb: str, *units: str, timeout: float) -> None:
        what = f"systemctl {verb} {' '.join(units)}"
        try:
            subprocess.run(
                ["systemctl", verb, *units], check=True, timeout=timeout, capture_output=True
            )
        except subprocess.TimeoutExpired:
            raise AgentError(f"{what} did not end within {timeout:.0f} s.") from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            raise AgentError(
                f"{what} failed ({said[0] if said else error.returncode}); "
                f"see journalctl {' '.join(f'-u {unit}' for unit in units)}."
            ) from None
