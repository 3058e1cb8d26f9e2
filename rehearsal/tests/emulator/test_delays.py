"""With delays, what takes AWS its time is pending here for as long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_rehearsal.emulator import delays


@pytest.fixture(autouse=True)
def a_tenth() -> Iterator[None]:
    delays.use(delays.AWS, 0.1)
    yield
    delays.use(delays.Delays())


def test_a_nat_gateway_is_pending_for_its_time(cloud: Any) -> None:
    _vpc, subnets = cloud.network()
    cloud.ec2.create_nat_gateway(SubnetId=subnets[0], ConnectivityType="private")

    def found(state: str) -> list[Any]:
        filters = [{"Name": "state", "Values": [state]}]
        return list(cloud.ec2.describe_nat_gateways(Filters=filters)["NatGateways"])

    cloud.wait(9)
    assert found("pending") and not found("available")
    cloud.wait(1)
    assert found("available") and not found("pending")


def test_a_load_balancer_is_provisioned_for_its_time(cloud: Any) -> None:
    _vpc, subnets = cloud.network()
    cloud.elb.create_load_balancer(Name="lb", Subnets=subnets)

    def code() -> str:
        return str(cloud.elb.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"])

    cloud.wait(14)
    assert code() == "provisioning"
    cloud.wait(1)
    assert code() == "active"


def test_an_instance_is_pending_for_its_time_though_its_body_runs(cloud: Any) -> None:
    instance = cloud.run()
    assert cloud.instance(instance).state == "pending"
    cloud.wait(1.5)
    cloud.start_bodies()
    assert cloud.instance(instance).state == "running"


def test_an_interface_endpoint_is_pending_for_its_time(cloud: Any) -> None:
    vpc, subnets = cloud.network()
    service = "com.amazonaws.eu-central-1.logs"
    cloud.ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", SubnetIds=subnets[:1]
    )
    assert cloud.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "pending"
    cloud.wait(6)
    assert cloud.ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "available"


def test_what_is_not_ready_is_refused(cloud: Any) -> None:
    """A listener with a pending certificate, and a VPC origin of a pending load balancer."""
    _vpc, subnets = cloud.network()
    made = cloud.elb.create_load_balancer(Name="lb", Subnets=subnets, Scheme="internal")
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    certificate = cloud.client("acm").request_certificate(DomainName="chat.test")["CertificateArn"]
    with pytest.raises(ClientError, match="UnsupportedCertificate"):
        cloud.elb.create_listener(
            LoadBalancerArn=balancer,
            Protocol="HTTPS",
            Port=443,
            Certificates=[{"CertificateArn": certificate}],
            DefaultActions=[
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}
            ],
        )
    origin = {
        "Name": "lb",
        "Arn": balancer,
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "https-only",
    }
    cdn = cloud.client("cloudfront")
    with pytest.raises(ClientError, match="no active load balancer"):
        cdn.create_vpc_origin(VpcOriginEndpointConfig=origin)
    cloud.wait(15)
    assert cdn.create_vpc_origin(VpcOriginEndpointConfig=origin)["VpcOrigin"]["Id"]
