"""The command ``rehearsal``."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from chatlift_rehearsal import api, launcher, preflight, status
from chatlift_rehearsal.environment import exports
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine.hosts import Hosts
from chatlift_rehearsal.machine.network import Network
from chatlift_rehearsal.settings import Settings

FRACTION = click.FloatRange(0, 1)

console = Console()
if not console.is_terminal:
    console.width = 160


class _Commands(click.Group):
    """Shows an error as its sentence rather than as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RehearsalError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands)
@click.pass_context
def main(context: click.Context) -> None:
    """A cloud on this machine: the AWS API emulated, the instances real."""
    context.obj = Settings.from_environment()


@main.command()
@click.option("--api-trouble", type=FRACTION, default=0.0, help="As `rehearsal trouble` does.")
@click.option(
    "--aws-delays",
    type=click.FloatRange(0),
    is_flag=False,
    flag_value=1.0,
    metavar="[FACTOR]",
    help="Let things take as long to be ready as on AWS, times FACTOR.",
)
@click.pass_obj
def up(settings: Settings, api_trouble: float, aws_delays: float | None) -> None:
    """Start the rehearsal, unless it runs already."""
    preflight.require_root()
    if process := launcher.running(settings):
        console.print(f"The rehearsal runs already (process {process.pid}): nothing to do.")
        return
    preflight.check(settings)
    begin = time.monotonic()
    launcher.up(settings, _stage)
    if aws_delays is not None:
        api.aws_delays(settings, aws_delays)
    if api_trouble:
        api.trouble(settings, api_trouble, {})
    console.print(f"{time.monotonic() - begin:6.1f} s  [green]up[/] at {settings.endpoint}")
    console.print('`eval "$(rehearsal env)"` points any AWS client of this shell at it.')


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Show what is going on and, when it has ended, how many seconds it took."""
    begin = time.monotonic()
    with console.status(name):
        yield
    console.print(f"{time.monotonic() - begin:6.1f} s  {name}")


@main.command()
@click.option("--purge", is_flag=True, help="Remove the cached base and all images, too.")
@click.pass_obj
def down(settings: Settings, purge: bool) -> None:
    """End the rehearsal and leave nothing of it but the cache."""
    preflight.require_root()
    launcher.down(settings, purge)


@main.command("status")
@click.option("--watch", is_flag=True, help="Keep showing it until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print it for programs.")
@click.pass_obj
def show_status(settings: Settings, watch: bool, as_json: bool) -> None:
    """Show instances, volumes and load balancers."""
    _require_running(settings)
    if as_json:
        click.echo(json.dumps(status.read(settings), indent=1))
    elif watch:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while launcher.running(settings):
                live.update(status.draw(status.read(settings)), refresh=True)
                time.sleep(1)
    else:
        console.print(status.draw(status.read(settings)))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def ssh(settings: Settings, name: str, command: tuple[str, ...]) -> None:
    """Open a root shell in an instance, or run COMMAND there.

    NAME is a member (redis-a1), a Name tag or an instance id. The shell is opened from this
    machine, as a serial console is: it needs no key and no network.
    """
    row = _instance(settings, name)
    hosts = Hosts(settings, Network(settings))
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    # As over SSH: words are joined and a shell of the instance reads them.
    shell = ["bash", "-lc", shlex.join(command) if len(command) > 1 else command[0]]
    argv = ["podman", "exec", "--interactive", *terminal, "--workdir", "/root"]
    argv += [hosts.container(row["id"]), *(shell if command else ["bash", "-l"])]
    os.execvp(argv[0], argv)  # noqa: S606 - the instance's shell takes this process's place


@main.command()
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines are added.")
@click.pass_obj
def logs(settings: Settings, name: str, follow: bool) -> None:
    """Show the journal of an instance, also of one that is dead.

    NAME is a member, a Name tag or an instance id; by its id, an instance that is gone is found.
    """
    hosts = Hosts(settings, Network(settings))
    journal = hosts.journal(name)
    if not journal.is_dir():
        journal = hosts.journal(_instance(settings, name)["id"])
    argv = ["journalctl", "--no-pager", "--directory", str(journal)]
    os.execvp(argv[0], [*argv, *(["--follow"] if follow else [])])  # noqa: S606


@main.command()
@click.argument("name")
@click.pass_obj
def kill(settings: Settings, name: str) -> None:
    """Cut an instance's power: its network goes silent and its processes end at once."""
    row = _instance(settings, name)
    if row["host"] != "running":
        raise RehearsalError(f"{row['name']} ({row['id']}) does not run: {row['state']}.")
    Hosts(settings, Network(settings)).kill(row["id"])
    console.print(f"{row['name']} ({row['id']}) is dead.")


@main.command()
@click.argument("fraction", type=FRACTION)
@click.option(
    "--refuse",
    multiple=True,
    metavar="OPERATION=CODE",
    help="Refuse each call of an operation, such as CreateVpc=VpcLimitExceeded.",
)
@click.pass_obj
def trouble(settings: Settings, fraction: float, refuse: tuple[str, ...]) -> None:
    """Turn away a FRACTION (0 to 1) of all calls: throttled, or with an error of the server.

    They have no effect. `rehearsal trouble 0` ends it.
    """
    _require_running(settings)
    api.trouble(settings, fraction, dict(one.split("=", 1) for one in refuse))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print them for programs.")
@click.pass_obj
def calls(settings: Settings, as_json: bool) -> None:
    """Show how often each operation of the API was called since `up`."""
    _require_running(settings)
    found = api.calls(settings)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for name, count in found.items():
        click.echo(f"{count:7} {name}")
    click.echo(f"{sum(found.values()):7} in all")


@main.command()
@click.pass_obj
def env(settings: Settings) -> None:
    """Print the shell commands that point any AWS client at the rehearsal."""
    click.echo(exports(settings), nl=False)


def _require_running(settings: Settings) -> None:
    if not launcher.running(settings):
        raise RehearsalError("No rehearsal runs on this machine; `rehearsal up` starts one.")


def _instance(settings: Settings, name: str) -> dict[str, Any]:
    preflight.require_root()
    _require_running(settings)
    rows: list[dict[str, Any]] = status.read(settings)["instances"]
    found = [row for row in rows if name in (row["name"], row["tag"], row["id"])]
    if not found:
        names = ", ".join(sorted({row["name"] for row in rows})) or "there are none"
        raise RehearsalError(f"No instance is called {name}; instances: {names}.")
    if len(found) > 1:
        ids = ", ".join(row["id"] for row in found)
        raise RehearsalError(f"{len(found)} instances are called {name}; say which: {ids}.")
    return found[0]


if __name__ == "__main__":
    main()
