"""What an instance reads about itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture
def instance(cloud: Any) -> str:
    _, subnets = cloud.network()
    iam = cloud.client("iam")
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="app-profile")
    iam.add_role_to_instance_profile(InstanceProfileName="app-profile", RoleName="app")
    cloud.private_key = cloud.ec2.create_key_pair(KeyName="ops")["KeyMaterial"]
    return str(
        cloud.run(
            SubnetId=subnets[0],
            KeyName="ops",
            UserData="#cloud-config\n",
            IamInstanceProfile={"Name": "app-profile"},
            MetadataOptions={"InstanceMetadataTags": "enabled"},
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "app-1"}]}
            ],
        )
    )


def test_paths_of_cloud_init(cloud: Any, instance: str) -> None:
    seen = cloud.describe(instance)
    expected = {
        "meta-data/instance-id": instance,
        "meta-data/local-ipv4": "10.42.0.4",
        "meta-data/mac": seen["NetworkInterfaces"][0]["MacAddress"],
        "meta-data/ami-id": seen["ImageId"],
        "meta-data/local-hostname": "ip-10-42-0-4.eu-central-1.compute.internal",
        "meta-data/placement/availability-zone": "eu-central-1a",
        "meta-data/placement/region": "eu-central-1",
        "meta-data/security-groups": "default",
        "meta-data/public-keys/": "0=ops",
        "meta-data/public-keys/0/": "openssh-key",
        "meta-data/tags/instance/": "Name",
        "meta-data/tags/instance/Name": "app-1",
        "user-data": "#cloud-config\n",
    }
    assert {path: cloud.metadata(instance, path) for path in expected} == expected
    macs = cloud.metadata(instance, "meta-data/network/interfaces/macs/")
    assert macs == f"{seen['NetworkInterfaces'][0]['MacAddress']}/"
    vpc = cloud.metadata(instance, f"meta-data/network/interfaces/macs/{macs}vpc-ipv4-cidr-block")
    assert vpc == "10.42.0.0/16"
    document = json.loads(cloud.metadata(instance, "dynamic/instance-identity/document"))
    assert document["instanceId"] == instance


def test_unknown_paths_and_addresses_are_not_found(cloud: Any, instance: str) -> None:
    assert cloud.metadata(instance, "meta-data/nothing") is None
    assert cloud.metadata(instance, "meta-data/mac/nothing") is None
    assert cloud.metadata(instance, "meta-data/autoscaling/target-lifecycle-state") is None
    assert cloud.emulator.metadata("10.42.0.99", "meta-data/mac") is None


def test_tags_are_told_only_when_asked_for(cloud: Any) -> None:
    plain = cloud.run()
    assert cloud.metadata(plain, "meta-data/tags/") is None
    assert cloud.metadata(plain, "user-data") is None
    assert cloud.metadata(plain, "meta-data/iam/") is None


def test_service_can_be_disabled(cloud: Any) -> None:
    closed = cloud.run(MetadataOptions={"HttpEndpoint": "disabled"})
    assert cloud.metadata(closed, "meta-data/instance-id") is None


def test_public_key_is_that_of_the_created_pair(cloud: Any, instance: str) -> None:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    private = serialization.load_pem_private_key(cloud.private_key.encode(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    told = cloud.metadata(instance, "meta-data/public-keys/0/openssh-key")
    assert told == public.decode() == cloud.instance(instance).public_key


def test_imported_key_is_told_as_it_was_given(cloud: Any) -> None:
    cloud.ec2.create_key_pair(KeyName="made")
    material = cloud.instance(cloud.run(KeyName="made")).public_key
    cloud.ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=material.encode())
    assert cloud.instance(cloud.run(KeyName="mine")).public_key == material


def test_credentials_of_the_role_work(cloud: Any, instance: str) -> None:
    assert cloud.metadata(instance, "meta-data/iam/security-credentials/") == "app"
    told = cloud.metadata(instance, "meta-data/iam/security-credentials/app")
    credentials = json.loads(told)
    assert datetime.fromisoformat(credentials["Expiration"]) > datetime.now(UTC)
    session = boto3.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["Token"],
        region_name="eu-central-1",
    )
    endpoint = cloud.emulator.endpoint
    identity = session.client("sts", endpoint_url=endpoint).get_caller_identity()
    assert identity["Arn"].endswith(f":assumed-role/app/{instance}")
    arn = cloud.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
    secrets = session.client("secretsmanager", endpoint_url=endpoint)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "x"
    assert cloud.metadata(instance, "meta-data/iam/security-credentials/app") == told
