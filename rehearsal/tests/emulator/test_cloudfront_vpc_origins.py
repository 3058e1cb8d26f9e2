"""VPC origins: private load balancers that distributions reach."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .sites import CACHING_DISABLED, behavior, config


@pytest.fixture
def cdn(cloud: Any) -> Any:
    return cloud.client("cloudfront")


@pytest.fixture
def endpoint(cloud: Any) -> dict[str, Any]:
    """An internal load balancer as a VPC origin is told of it."""
    _, subnets = cloud.network()
    balancer = cloud.elb.create_load_balancer(Name="chat", Subnets=subnets, Scheme="internal")
    return {
        "Name": "chat",
        "Arn": balancer["LoadBalancers"][0]["LoadBalancerArn"],
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "https-only",
    }


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


def private_site(origin: str) -> dict[str, Any]:
    private = {
        "Id": "app",
        "DomainName": "chat.test",
        "VpcOriginConfig": {"VpcOriginId": origin, "OriginReadTimeout": 60},
    }
    return config(origins=[private], DefaultCacheBehavior=behavior("app", CACHING_DISABLED))


def test_vpc_origin_is_deployed_and_deleted_in_time(cloud: Any, cdn: Any, endpoint: Any) -> None:
    made = cdn.create_vpc_origin(
        VpcOriginEndpointConfig=endpoint, Tags={"Items": [{"Key": "Name", "Value": "chat"}]}
    )
    origin, arn = made["VpcOrigin"]["Id"], made["VpcOrigin"]["Arn"]
    assert made["VpcOrigin"]["Status"] == "Deploying"
    tags = cdn.list_tags_for_resource(Resource=arn)["Tags"]["Items"]
    assert tags == [{"Key": "Name", "Value": "chat"}]
    with refused("InvalidArgument"):
        cdn.create_distribution(DistributionConfig=private_site(origin))
    cloud.wait(2)
    found = cdn.get_vpc_origin(Id=origin)
    assert found["VpcOrigin"]["Status"] == "Deployed"
    assert found["VpcOrigin"]["VpcOriginEndpointConfig"]["Arn"] == endpoint["Arn"]
    listed = cdn.list_vpc_origins()["VpcOriginList"]["Items"]
    assert [(item["Name"], item["OriginEndpointArn"]) for item in listed] == [
        ("chat", endpoint["Arn"])
    ]
    changed = cdn.update_vpc_origin(
        Id=origin, IfMatch=found["ETag"], VpcOriginEndpointConfig={**endpoint, "HTTPPort": 8080}
    )
    cloud.wait(2)
    going = cdn.delete_vpc_origin(Id=origin, IfMatch=changed["ETag"])
    assert going["VpcOrigin"]["Status"] == "Deleting"
    cloud.wait(2)
    with refused("EntityNotFound"):
        cdn.get_vpc_origin(Id=origin)


def test_vpc_origin_in_use_is_kept(cloud: Any, cdn: Any, endpoint: Any) -> None:
    made = cdn.create_vpc_origin(VpcOriginEndpointConfig=endpoint)
    origin = made["VpcOrigin"]["Id"]
    cloud.wait(2)
    site = cdn.create_distribution(DistributionConfig=private_site(origin))
    kept = site["Distribution"]["DistributionConfig"]["Origins"]["Items"][0]["VpcOriginConfig"]
    assert kept == {
        "VpcOriginId": origin,
        "OriginReadTimeout": 60,
        "OriginKeepaliveTimeout": 5,
    }
    with refused("CannotDeleteEntityWhileInUse"):
        cdn.delete_vpc_origin(Id=origin, IfMatch=made["ETag"])
    with refused("CannotUpdateEntityWhileInUse"):
        cdn.update_vpc_origin(Id=origin, IfMatch=made["ETag"], VpcOriginEndpointConfig=endpoint)


def test_vpc_origin_needs_something_to_reach(cdn: Any, endpoint: Any) -> None:
    with refused("InvalidArgument"):
        cdn.create_vpc_origin(VpcOriginEndpointConfig={**endpoint, "Arn": endpoint["Arn"] + "0"})
    cdn.create_vpc_origin(VpcOriginEndpointConfig=endpoint)
    with refused("EntityAlreadyExists"):
        cdn.create_vpc_origin(VpcOriginEndpointConfig=endpoint)
