"""The rehearsal on this machine: what its API says is there to be used, and gone afterwards."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import dns.resolver
import pytest
from chatlift_rehearsal import cleanup, launcher
from chatlift_rehearsal.environment import UNSET, variables
from chatlift_rehearsal.machine.network import NETNS
from chatlift_rehearsal.machine.volumes import by_id, loop_devices
from chatlift_rehearsal.settings import REGION, SERVICE_ADDRESS, Settings

from tests.integration.rehearsed_site import USER_DATA, Site, eventually

SETTINGS = Settings.from_environment()
ROUTER = "10.42.0.1/32"
"""What this machine is in the VPC, and where these tests come from."""

WEB_SERVER = """\
#cloud-config
write_files:
  - path: /etc/systemd/system/web.service
    content: |
      [Service]
      ExecStart=python3 -m http.server 8080 --directory /srv
runcmd:
  - hostname > /srv/index.html
  - systemctl start web
"""


def rehearsal(*words: str) -> str:
    """Run the command and return what it printed."""
    done = subprocess.run(
        ["rehearsal", *words], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, f"rehearsal {' '.join(words)}: {done.stderr}"
    return done.stdout


class Cloud:
    """A client of the rehearsal, with a key pair and a network."""

    def __init__(self, directory: Path) -> None:
        self.ec2 = boto3.client("ec2")
        self.elbv2 = boto3.client("elbv2")
        self.s3 = boto3.client("s3")
        self.key = directory / "key"
        subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", self.key], check=True)
        public = self.key.with_suffix(".pub").read_bytes()
        self.ec2.import_key_pair(KeyName="test", PublicKeyMaterial=public)
        vpc = self.ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
        self.vpc = vpc
        self.subnets = {
            letter: self.ec2.create_subnet(
                VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"eu-central-1{letter}"
            )["Subnet"]["SubnetId"]
            for letter, cidr in {"a": "10.42.0.0/24", "b": "10.42.1.0/24"}.items()
        }
        self.default_group = self.ec2.describe_security_groups(
            Filters=[{"Name": "vpc-id", "Values": [vpc]}]
        )["SecurityGroups"][0]["GroupId"]
        self.allow(self.default_group, 22, CidrIp=ROUTER)
        self.allow(self.default_group, 80, CidrIp="0.0.0.0/0")

    def allow(self, group: str, port: int, **source: str) -> None:
        """Let somebody connect to the instances in a group."""
        self.ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": port,
                    "ToPort": port,
                    "IpRanges": [{"CidrIp": source["CidrIp"]}] if "CidrIp" in source else [],
                    "UserIdGroupPairs": [{"GroupId": source["GroupId"]}]
                    if "GroupId" in source
                    else [],
                }
            ],
        )

    def group(self, name: str) -> str:
        """A new security group whose instances these tests can log in to."""
        group = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)
        self.allow(group["GroupId"], 22, CidrIp=ROUTER)
        return str(group["GroupId"])

    def base_image(self) -> str:
        images = self.ec2.describe_images(
            Owners=["136693071363"], Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}]
        )
        return str(images["Images"][0]["ImageId"])

    def launch(
        self, name: str, image: str = "", user_data: str = "", zone: str = "a", group: str = ""
    ) -> str:
        """Launch an instance and return its id once it can be logged in to."""
        instance = self.ec2.run_instances(
            ImageId=image or self.base_image(),
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            KeyName="test",
            SubnetId=self.subnets[zone],
            SecurityGroupIds=[group or self.default_group],
            UserData=user_data,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}
            ],
        )["Instances"][0]["InstanceId"]
        eventually(f"SSH to {name}", lambda: self.ssh(instance, "true", check=False) is not None)
        return str(instance)

    def bake(self, instance: str) -> str:
        """Make an image of an instance and return its id once it can be launched."""
        tags = [{"ResourceType": "image", "Tags": [{"Key": "made-by", "Value": "test"}]}]
        image = str(
            self.ec2.create_image(
                InstanceId=instance, Name=f"test-{instance}", TagSpecifications=tags
            )["ImageId"]
        )
        eventually(f"{image} available", lambda: self.image(image)["State"] == "available")
        return image

    def image(self, image: str) -> dict[str, Any]:
        return dict(self.ec2.describe_images(ImageIds=[image])["Images"][0])

    def remove_images(self) -> None:
        """Deregister every image of these tests and see their bodies go."""
        for image in self.ec2.describe_images(Owners=["self"])["Images"]:
            if {"Key": "made-by", "Value": "test"} in image.get("Tags", []):
                self.ec2.deregister_image(ImageId=image["ImageId"])
                body = SETTINGS.cache / "images" / image["ImageId"]
                eventually(f"{body} gone", lambda body=body: not body.exists())

    def log(self, balancer: str, bucket: str) -> None:
        """Have a load balancer's requests logged in a new bucket."""
        self.s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/*",
        }
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [statement]}))
        attributes = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": bucket}
        self.elbv2.modify_load_balancer_attributes(
            LoadBalancerArn=balancer,
            Attributes=[{"Key": key, "Value": value} for key, value in attributes.items()],
        )

    def logged(self, bucket: str) -> list[str]:
        """The lines of the logs that a load balancer has delivered into a bucket."""
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=bucket)["Contents"]]
        found = [
            self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in keys
            if key.endswith(".log.gz")
        ]
        return [line for body in found for line in gzip.decompress(body).decode().splitlines()]

    def describe(self, instance: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[instance])
        return dict(found["Reservations"][0]["Instances"][0])

    def state(self, instance: str) -> str:
        return str(self.describe(instance)["State"]["Name"])

    def status(self, instance: str) -> str:
        found = self.ec2.describe_instance_status(InstanceIds=[instance])
        return str(found["InstanceStatuses"][0]["InstanceStatus"]["Status"])

    def ssh(self, instance: str, command: str, check: bool = True) -> str | None:
        """What a command printed, None when it failed and need not succeed."""
        address = self.describe(instance)["PrivateIpAddress"]
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=2"]
        argv = ["ssh", "-qi", str(self.key), *(f"-o{option}" for option in options)]
        done = subprocess.run(
            [*argv, f"admin@{address}", command], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout.strip()
        assert not check, f"`{command}` on {instance}: {done.stderr}"
        return None

    def target_group(self, name: str, instances: list[str]) -> str:
        """The ARN of a target group with these instances' port 8080."""
        group = self.elbv2.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=8080,
            VpcId=self.vpc,
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        targets = [{"Id": instance} for instance in instances]
        self.elbv2.register_targets(TargetGroupArn=group, Targets=targets)
        return str(group)

    def balancer(self, name: str, group: str, scheme: str = "internet-facing") -> str:
        """The ARN of a load balancer whose port 80 leads to a target group."""
        arn = self.elbv2.create_load_balancer(
            Name=name, Subnets=[*self.subnets.values()], Scheme=scheme
        )["LoadBalancers"][0]["LoadBalancerArn"]
        self.elbv2.create_listener(
            LoadBalancerArn=arn,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return str(arn)

    def terminate(self, *instances: str) -> None:
        self.ec2.terminate_instances(InstanceIds=list(instances))
        for instance in instances:
            eventually(f"{instance} terminated", lambda i=instance: self.state(i) == "terminated")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    if launcher.running(SETTINGS):
        pytest.fail("A rehearsal runs on this machine; end it with `rehearsal down` first.")
    with pytest.MonkeyPatch.context() as patch:
        for name in UNSET:
            patch.delenv(name, raising=False)
        for name, value in variables(SETTINGS).items():
            patch.setenv(name, value)
        rehearsal("up")
        cloud = Cloud(tmp_path_factory.mktemp("cloud"))
        yield cloud
        cloud.remove_images()
        rehearsal("down")


@pytest.fixture(scope="module")
def host(cloud: Cloud) -> str:
    """An instance that user data left a mark on."""
    return cloud.launch(
        "host", user_data="#cloud-config\nwrite_files: [{path: /srv/mark, content: made}]\n"
    )


def test_a_second_up_changes_nothing(cloud: Cloud) -> None:
    before = launcher.running(SETTINGS)
    assert "runs already" in rehearsal("up")
    assert launcher.running(SETTINGS) == before


def test_instance_is_a_systemd_host_made_by_its_user_data(cloud: Cloud, host: str) -> None:
    cloud.ssh(host, "sudo cloud-init status --wait")
    assert cloud.ssh(host, "cat /srv/mark") == "made"
    assert cloud.ssh(host, "systemctl is-system-running --wait") == "running"
    address = cloud.describe(host)["PrivateIpAddress"]
    assert cloud.ssh(host, "hostname") == "ip-" + address.replace(".", "-")


def test_instance_has_the_memory_of_its_type(cloud: Cloud, host: str) -> None:
    limit = cloud.ssh(
        host,
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || "
        "sudo cat /sys/fs/cgroup/memory.max",
    )
    assert int(limit or 0) == 2 << 30


def test_metadata_needs_a_token(cloud: Cloud, host: str) -> None:
    url = "http://169.254.169.254/latest"
    code = "curl -s -o /dev/null -w '%{http_code}'"
    assert cloud.ssh(host, f"{code} {url}/meta-data/instance-id") == "401"
    put = f"-X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {url}/api/token"
    assert cloud.ssh(host, f"{code} -H 'X-Forwarded-For: 1.2.3.4' {put}") == "403"
    token = cloud.ssh(host, f"curl -s {put}")
    get = f"curl -s -H 'X-aws-ec2-metadata-token: {token}' {url}/meta-data"
    assert cloud.ssh(host, f"{get}/instance-id") == host


def test_metadata_address_is_not_on_this_machine(cloud: Cloud) -> None:
    assert "169.254.169.254" not in subprocess.check_output(["ip", "address"], text=True)


def test_instance_reaches_the_api_and_other_instances_reach_it(cloud: Cloud, host: str) -> None:
    other = cloud.launch("other", zone="b")
    address = cloud.describe(host)["PrivateIpAddress"]
    assert "SSH-2.0" in (cloud.ssh(other, f"head -c 7 < /dev/tcp/{address}/22") or "")
    status = "curl -s -o /dev/null -w '%{http_code}' "
    assert cloud.ssh(other, status + f"{SETTINGS.endpoint}/moto-api/") == "200"
    cloud.terminate(other)


def test_a_security_group_lets_in_whom_it_names_and_follows_changes_at_once(cloud: Cloud) -> None:
    guarded, named = cloud.group("guarded"), cloud.group("named")
    server, client = cloud.launch("server", group=guarded), cloud.launch("client", group=named)
    address = cloud.describe(server)["PrivateIpAddress"]
    web = f"systemd-run -q --unit web python3 -m http.server 8080 --bind {address}"
    cloud.ssh(server, f"sudo {web}")

    def reach() -> str | None:
        return cloud.ssh(client, f"curl -s -m 1 -o /dev/null http://{address}:8080", check=False)

    assert reach() is None
    cloud.allow(guarded, 8080, GroupId=named)
    eventually("a way in", lambda: reach() == "")
    (interface,) = cloud.describe(client)["NetworkInterfaces"]
    cloud.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=[cloud.group("strangers")]
    )
    eventually("no way in", lambda: reach() is None)
    cloud.terminate(server, client)


def test_instance_comes_back_from_a_reboot_with_its_volumes(cloud: Cloud, host: str) -> None:
    volume = cloud.ec2.create_volume(AvailabilityZone="eu-central-1a", Size=1)["VolumeId"]
    device = f"/dev/disk/by-id/{by_id(volume)}"
    cloud.ec2.attach_volume(VolumeId=volume, InstanceId=host, Device="/dev/sdf")
    eventually("the volume", lambda: cloud.ssh(host, f"test -b {device}", check=False) == "")
    started = "systemctl show --property UserspaceTimestamp"
    before = cloud.ssh(host, started)
    cloud.ssh(host, "sudo systemctl reboot", check=False)
    eventually("another boot", lambda: cloud.ssh(host, started, check=False) not in (None, before))
    eventually("the volume", lambda: cloud.ssh(host, f"test -b {device}", check=False) == "")
    assert cloud.ssh(host, "cat /srv/mark") == "made"
    cloud.ec2.detach_volume(VolumeId=volume, InstanceId=host)


def test_volume_appears_under_the_name_aws_gives_it_and_outlives_its_host(cloud: Cloud) -> None:
    volume = cloud.ec2.create_volume(AvailabilityZone="eu-central-1a", Size=1)["VolumeId"]
    device = f"/dev/disk/by-id/{by_id(volume)}"
    first = cloud.launch("first")
    cloud.ec2.attach_volume(VolumeId=volume, InstanceId=first, Device="/dev/sdf")
    eventually("the volume", lambda: _device(cloud, first, device) == "/dev/nvme1n1")
    cloud.ssh(first, f"sudo mkfs.ext4 -q {device} && sudo mount {device} /mnt")
    cloud.ssh(first, "echo kept | sudo tee /mnt/file && sudo sync")

    rehearsal("kill", "first")
    eventually("the failed check", lambda: cloud.status(first) == "impaired")
    cloud.terminate(first)
    second = cloud.launch("second")
    cloud.ec2.attach_volume(VolumeId=volume, InstanceId=second, Device="/dev/sdf")
    eventually("the volume", lambda: cloud.ssh(second, f"test -b {device}", check=False) == "")
    assert cloud.ssh(second, f"sudo mount {device} /mnt && cat /mnt/file") == "kept"

    cloud.ssh(second, "sudo umount /mnt")
    cloud.ec2.detach_volume(VolumeId=volume, InstanceId=second)
    eventually("no device", lambda: cloud.ssh(second, f"test ! -e {device}", check=False) == "")
    cloud.terminate(second)
    cloud.ec2.delete_volume(VolumeId=volume)
    body = SETTINGS.run / "volumes" / f"{volume}.img"
    eventually("no body", lambda: not body.exists())


def _device(cloud: Cloud, instance: str, link: str) -> str | None:
    return cloud.ssh(instance, f"readlink -f {link}", check=False)


def test_image_of_a_stopped_instance_launches_with_its_files(cloud: Cloud) -> None:
    builder = cloud.launch("builder")
    cloud.ssh(builder, "echo baked | sudo tee /srv/baked && sudo rm /etc/issue")
    cloud.ec2.stop_instances(InstanceIds=[builder])
    eventually("stopped", lambda: cloud.state(builder) == "stopped")
    image = cloud.bake(builder)
    cloud.terminate(builder)

    copy = cloud.launch("copy", image=image)
    assert cloud.ssh(copy, "cat /srv/baked; test -e /etc/issue || echo gone") == "baked\ngone"
    cloud.terminate(copy)


def test_image_of_a_running_instance_restarts_it_and_is_kept_while_in_use(
    cloud: Cloud, host: str
) -> None:
    image = cloud.bake(host)
    eventually("the instance, started again", lambda: cloud.ssh(host, "cat /srv/mark", check=False))
    cloud.ec2.deregister_image(ImageId=image)
    # Several turns of the daemon later, the files below the running host are still there.
    cloud.terminate(cloud.launch("other"))
    assert (SETTINGS.cache / "images" / image / "image.json").exists()
    assert cloud.ssh(host, "cat /srv/mark") == "made"


def test_load_balancer_spreads_over_healthy_targets(cloud: Cloud) -> None:
    hosts = [cloud.launch(f"web-{zone}", user_data=WEB_SERVER, zone=zone) for zone in "ab"]
    group = cloud.target_group("web", hosts)
    arn = cloud.balancer("web", group)
    cloud.log(arn, "web-logs")
    url = eventually("its URL", lambda: _urls("web"))[0]
    names = {cloud.ssh(host, "hostname") for host in hosts}

    eventually("both healthy", lambda: _health(cloud, group) == {"healthy"})
    # On a busy machine they are before the proxy listens.
    eventually("an answer", lambda: _listens(url))
    assert {_get(url) for _ in range(4)} == names

    rehearsal("kill", "web-a")
    eventually("one unhealthy", lambda: _health(cloud, group) == {"healthy", "unhealthy"})
    survivor = cloud.ssh(hosts[1], "hostname")
    assert {_get(url) for _ in range(4)} == {survivor}

    cloud.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    eventually("no proxy", lambda: not cleanup.proxies(SETTINGS))
    served = [line for line in cloud.logged("web-logs") if shlex.split(line)[8:10] == ["200"] * 2]
    assert len(served) >= 8
    cloud.terminate(*hosts)


def _urls(name: str) -> list[str]:
    balancers = json.loads(rehearsal("status", "--json"))["load_balancers"]
    return [url for balancer in balancers if balancer["name"] == name for url in balancer["urls"]]


def _health(cloud: Cloud, group: str) -> set[str]:
    found = cloud.elbv2.describe_target_health(TargetGroupArn=group)
    return {target["TargetHealth"]["State"] for target in found["TargetHealthDescriptions"]}


def _listens(url: str) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex((urlsplit(url).hostname, urlsplit(url).port or 80)) == 0


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=12) as answer:
            return answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return str(error)


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Site:
    """A distribution before a private bucket and an internal load balancer."""
    host = cloud.launch("echo", user_data=USER_DATA)
    group = cloud.target_group("echo", [host])
    arn = cloud.balancer("echo", group, scheme="internal")
    eventually("the target healthy", lambda: _health(cloud, group) == {"healthy"})
    return Site("site", _site_address, arn)


def _site_address(distribution: str) -> str:
    found = json.loads(rehearsal("status", "--json"))["distributions"]
    return next((one["address"] for one in found if one["id"] == distribution), "")


def test_page_of_a_private_bucket_is_served_over_tls(site: Site) -> None:
    answer = eventually("the page", lambda: site.page("/"))
    assert (answer.status, answer.body) == (200, b"hello")
    assert site.viewer.ask("/absent").body == b"nothing here"
    anonymous = f"{SETTINGS.endpoint}/{site.bucket}/index.html"
    assert "403" in _get(anonymous)


def test_bucket_is_closed_to_a_distribution_that_its_policy_does_not_name(site: Site) -> None:
    site.s3.delete_bucket_policy(Bucket=site.bucket)
    assert site.viewer.ask("/other.html").status == 403
    site.allow()
    assert site.viewer.ask("/other.html").status == 200


def test_distribution_reaches_an_internal_load_balancer(cloud: Cloud, site: Site) -> None:
    answer = eventually("the application", lambda: site.page("/api/x"))
    seen = json.loads(answer.body)["headers"]
    assert (seen["host"], seen["x-forwarded-proto"]) == (site.viewer.host, "http")
    # The edge adds whom it served, the load balancer adds the edge.
    assert len(seen["x-forwarded-for"].split(",")) == 2
    connection = site.viewer.websocket("/api/socket")
    connection.sendall(b"over and back")
    assert connection.recv(100) == b"over and back"
    connection.close()


def test_requests_reach_the_bucket_of_logs(site: Site) -> None:
    assert site.viewer.ask("/index.html?logged").status == 200
    text = eventually("the log", site.logged, seconds=90)
    assert "/index.html" in text


@pytest.fixture(scope="module")
def zone(cloud: Cloud, site: Site) -> dict[str, Any]:
    """A hosted zone whose name chat leads to the distribution."""
    route53 = boto3.client("route53")
    made = dict(route53.create_hosted_zone(Name="demo.test", CallerReference="test"))
    alias = {
        "HostedZoneId": "Z2FDTNDATAQYW2",
        "DNSName": site.viewer.host,
        "EvaluateTargetHealth": False,
    }
    chat = {"Name": "chat.demo.test", "Type": "A", "AliasTarget": alias}
    route53.change_resource_record_sets(
        HostedZoneId=made["HostedZone"]["Id"],
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": chat}]},
    )
    eventually("its name", lambda: _resolve("chat.demo.test"))
    return made


def _resolve(name: str, kind: str = "A", tcp: bool = False) -> list[str]:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [SERVICE_ADDRESS]
    try:
        return sorted(map(str, resolver.resolve(name, kind, tcp=tcp)))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


@pytest.mark.parametrize("tcp", [False, True])
def test_the_dns_answers_from_hosted_zones(site: Site, zone: dict[str, Any], tcp: bool) -> None:
    assert _resolve("chat.demo.test", tcp=tcp) == [site.viewer.address]
    servers = [f"{server}." for server in zone["DelegationSet"]["NameServers"]]
    assert _resolve("demo.test", "NS", tcp) == sorted(servers)
    assert _resolve("none.demo.test", tcp=tcp) == []


def test_the_dns_knows_the_names_that_aws_gives(cloud: Cloud, host: str, site: Site) -> None:
    assert _resolve(site.viewer.host) == [site.viewer.address]
    (balancer,) = cloud.elbv2.describe_load_balancers(Names=["echo"])["LoadBalancers"]
    assert len(_resolve(balancer["DNSName"])) == len(cloud.subnets)
    address = cloud.describe(host)["PrivateIpAddress"]
    private = f"ip-{address.replace('.', '-')}.{REGION}.compute.internal"
    assert _resolve(private) == [address]


@pytest.mark.usefixtures("zone")
def test_instances_ask_the_same_dns_and_through_it_all_others(
    cloud: Cloud, host: str, site: Site
) -> None:
    found = cloud.ssh(host, "getent ahostsv4 chat.demo.test") or ""
    assert found.split()[0] == site.viewer.address
    cloud.ssh(host, "sudo apt-get -qq -o APT::Update::Error-Mode=any update")


def test_disabled_distribution_is_served_no_longer_and_can_be_deleted(cloud: Cloud) -> None:
    site = Site("short-lived", _site_address)
    eventually("the page", lambda: site.page("/"))
    before = len(cleanup.proxies(SETTINGS))
    site.disable()
    eventually("no proxy", lambda: len(cleanup.proxies(SETTINGS)) < before)
    with pytest.raises(ConnectionError):
        site.viewer.ask("/")
    eventually("deleted", site.delete)
    assert "GET" in site.logged()


def test_the_router_keeps_its_address_whoever_comes_and_goes(cloud: Cloud, host: str) -> None:
    bridge = Path("/sys/class/net") / SETTINGS.bridge
    before = (bridge / "address").read_text()
    # The lowest there is: a bridge without an address of its own takes over that of such a leg.
    pair = ("address", "02:00:00:00:00:00", "type", "veth", "peer", "name", "lowest-peer")
    subprocess.run(["ip", "link", "add", "lowest", *pair], check=True)
    try:
        subprocess.run(["ip", "link", "set", "lowest", "master", SETTINGS.bridge], check=True)
        assert (bridge / "address").read_text() == before
    finally:
        subprocess.run(["ip", "link", "delete", "lowest"], check=True)


def test_journal_and_shell_of_an_instance(cloud: Cloud, host: str) -> None:
    assert rehearsal("ssh", "host", "cat", "/srv/mark").strip() == "made"
    assert rehearsal("ssh", "host", "echo $((20 + 3))").strip() == "23"
    assert "cloud-init" in rehearsal("logs", "host")
    assert host in rehearsal("status", "--json")


def test_down_leaves_nothing_but_images_even_of_a_killed_process(cloud: Cloud, site: Site) -> None:
    last = cloud.launch("last")
    image = cloud.bake(last)
    saved = SETTINGS.cache / "images" / image / "image.json"
    eventually("its tags, written down", lambda: "made-by" in saved.read_text())
    process = launcher.running(SETTINGS)
    assert process
    os.kill(process.pid, signal.SIGKILL)
    rehearsal("down")

    label = f"label=chatlift.rehearsal={SETTINGS.tag}"
    assert not subprocess.check_output(["podman", "ps", "-aq", "--filter", label])
    assert not cleanup.proxies(SETTINGS)
    assert not cleanup.mounts(SETTINGS.home)
    assert not loop_devices(SETTINGS.home)
    assert not list(NETNS.glob(f"{SETTINGS.tag}-*"))
    assert SETTINGS.bridge not in subprocess.check_output(["ip", "address"], text=True)
    assert SETTINGS.nft_table not in subprocess.check_output(["nft", "list", "tables"], text=True)
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{SETTINGS.tag}"))
    assert not SETTINGS.run.exists()

    rehearsal("up")
    assert cloud.image(image)["Tags"] == [{"Key": "made-by", "Value": "test"}]
