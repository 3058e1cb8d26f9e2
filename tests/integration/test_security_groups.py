"""Security groups in force between two instances and a load balancer, all of them only networks.

They are in a network namespace of their own, which is this machine to them.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from chatlift_rehearsal.controllers.security_groups import (
    Firewall,
    Rule,
    SetFirewall,
    SetNodeFirewalls,
)
from chatlift_rehearsal.machine.network import NETNS, Network, leg_of
from chatlift_rehearsal.machine.security_groups import SecurityGroups
from chatlift_rehearsal.model import InstanceView, VpcView
from chatlift_rehearsal.settings import SERVICE_ADDRESS, Settings

from tests.e2e.vantage import entered

ROUTER, NODE, SERVER, CLIENT = "10.42.0.1", "10.42.0.9", "10.42.0.5", "10.42.0.6"
ADDRESSES = {"i-server": SERVER, "i-client": CLIENT}
OUT = (Rule("-1", None, ("0.0.0.0/0",)),)
PORT = 8080


class Machine:
    """The network of a rehearsal with two instances."""

    def __init__(self, settings: Settings) -> None:
        self.network = Network(settings)
        self.groups = SecurityGroups(settings, self.network)

    def begin(self) -> None:
        self.network.create()
        self.network.carry([VpcView("vpc-1", "10.42.0.0/16", ROUTER)], [NODE])
        for number, (instance_id, address) in enumerate(ADDRESSES.items()):
            self.network.plug(_instance(instance_id, address, number))

    def set(self, instance_id: str, *incoming: Rule, outgoing: tuple[Rule, ...] = OUT) -> None:
        self.groups.set_instance(SetFirewall(instance_id, Firewall(incoming, outgoing)))

    @contextmanager
    def serving(self, place: str = "i-server", address: str = SERVER) -> Iterator[socket.socket]:
        """Listen on a port of an instance, or of the machine."""
        if place:
            with entered(NETNS / self.network.namespace(place)):
                server = socket.create_server((address, PORT))
        else:
            server = socket.create_server((address, PORT))
        with closing(server):
            yield server

    def connect(self, place: str, source: str, target: str = SERVER) -> socket.socket | None:
        """A connection from an instance or, with no place, from the machine; None if dropped."""
        if place:
            with entered(NETNS / self.network.namespace(place)):
                return _connect(source, target)
        return _connect(source, target)


def _connect(source: str, target: str) -> socket.socket | None:
    try:
        return socket.create_connection((target, PORT), timeout=0.5, source_address=(source, 0))
    except TimeoutError:
        return None


def _instance(instance_id: str, address: str, number: int) -> InstanceView:
    return InstanceView(
        id=instance_id,
        state="running",
        name="",
        image_id="ami-1",
        instance_type="t3.small",
        private_ip=address,
        mac=f"02:00:00:00:00:0{number}",
        vpc_id="vpc-1",
        prefix_length=16,
        gateway=ROUTER,
        availability_zone="eu-central-1a",
        public_key=None,
        user_data=b"",
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    settings = Settings(tmp_path_factory.mktemp("home"))
    settings.run.mkdir()
    name = f"{settings.tag}-machine"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        with entered(Path("/run/netns") / name):
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            machine = Machine(settings)
            try:
                machine.begin()
                yield machine
            finally:
                machine.network.destroy()
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_a_new_instance_lets_nobody_in(machine: Machine) -> None:
    assert machine.groups.instances() == dict.fromkeys(ADDRESSES, Firewall())
    machine.set("i-client")
    with machine.serving():
        assert machine.connect("i-client", CLIENT) is None
        assert machine.connect("", ROUTER) is None


def test_a_rule_lets_in_whom_it_names_on_its_port(machine: Machine) -> None:
    machine.set("i-server", Rule("tcp", (PORT, PORT), (CLIENT,)))
    with machine.serving():
        assert machine.connect("i-client", CLIENT)
        assert machine.connect("", ROUTER) is None
    machine.set("i-server", Rule("tcp", (PORT + 1, PORT + 9), (CLIENT,)))
    with machine.serving():
        assert machine.connect("i-client", CLIENT) is None


def test_an_open_connection_outlives_the_rule_that_let_it_in(machine: Machine) -> None:
    machine.set("i-server", Rule("tcp", (PORT, PORT), (CLIENT,)))
    with machine.serving() as server:
        client = machine.connect("i-client", CLIENT)
        assert client
        accepted, _ = server.accept()
        machine.set("i-server")
        assert machine.connect("i-client", CLIENT) is None
        with closing(client), closing(accepted):
            accepted.settimeout(1)
            client.sendall(b"still here")
            assert accepted.recv(100) == b"still here"


def test_what_may_not_leave_does_not(machine: Machine) -> None:
    machine.set("i-server", Rule("tcp", (PORT, PORT), (CLIENT,)))
    machine.set("i-client", outgoing=())
    with machine.serving():
        assert machine.connect("i-client", CLIENT) is None
        machine.set("i-client", outgoing=(Rule("tcp", (PORT, PORT), (SERVER,)),))
        assert machine.connect("i-client", CLIENT)
    machine.set("i-client")


def test_an_instance_that_is_plugged_in_again_lets_nobody_in(machine: Machine) -> None:
    machine.set("i-server", Rule("tcp", (PORT, PORT), (CLIENT,)))
    assert machine.groups.instances()["i-server"].incoming
    # By hand, because /sys shows the interfaces of the real machine.
    subprocess.run(["ip", "link", "delete", leg_of("i-server")], check=True)
    machine.network.plug(_instance("i-server", SERVER, 0))
    assert machine.groups.instances()["i-server"] == Firewall()
    with machine.serving():
        assert machine.connect("i-client", CLIENT) is None


def test_a_node_lets_in_whom_its_group_names(machine: Machine) -> None:
    def guard(*incoming: Rule) -> None:
        machine.groups.set_nodes(SetNodeFirewalls({NODE: Firewall(incoming, OUT)}))

    with machine.serving("", NODE):
        guard()
        assert machine.connect("i-client", CLIENT, NODE) is None
        assert machine.connect("", SERVICE_ADDRESS, NODE) is None
        guard(Rule("tcp", (PORT, PORT), (f"{SERVICE_ADDRESS}/32",)))
        assert machine.connect("i-client", CLIENT, NODE) is None
        assert machine.connect("", SERVICE_ADDRESS, NODE)
        guard(Rule("tcp", (PORT, PORT), ("0.0.0.0/0",)))
        assert machine.connect("i-client", CLIENT, NODE)


def test_a_node_reaches_targets_that_let_it_in(machine: Machine) -> None:
    machine.groups.set_nodes(SetNodeFirewalls({NODE: Firewall((), OUT)}))
    machine.set("i-server", Rule("tcp", (PORT, PORT), (NODE,)))
    with machine.serving():
        assert machine.connect("", NODE)
        machine.groups.set_nodes(SetNodeFirewalls({NODE: Firewall()}))
        assert machine.connect("", NODE) is None
