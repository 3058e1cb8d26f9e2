"""What the instance metadata service tells an instance, as a tree of paths.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.utils import filter_iam_instance_profiles
from moto.sts.models import sts_backends

from .ec2_instances import Instance

Leaf = str | Callable[[], str]
Tree = dict[str, "Leaf | Tree"]

# EC2 hands out credentials for some six hours and renews them well before they end.
_CREDENTIAL_SECONDS = 6 * 3600
_RENEW_BEFORE = timedelta(hours=1)


def lookup(instance: Instance, target_lifecycle_state: str | None, path: str) -> str | None:
    """The content at ``path`` below ``/latest/``; a directory is its listing, None a 404."""
    names = [name for name in path.split("/") if name]
    node: Leaf | Tree = _root(instance, target_lifecycle_state)
    for name in names:
        if not isinstance(node, dict) or name not in node:
            return None
        node = node[name]
    if isinstance(node, dict):
        # The one directory whose entries say more than their names.
        if names == ["meta-data", "public-keys"]:
            return f"0={instance.key_name}"
        return "\n".join(f"{n}/" if isinstance(sub, dict) else n for n, sub in node.items())
    return node() if callable(node) else node


def _root(instance: Instance, target_lifecycle_state: str | None) -> Tree:
    root: Tree = {
        "meta-data": _metadata(instance, target_lifecycle_state),
        "dynamic": {"instance-identity": {"document": lambda: _identity(instance)}},
    }
    if instance.user_data is not None:
        # Text: cloud-config here, and the protocol of this package carries no bytes.
        root["user-data"] = b64decode(str(instance.user_data)).decode(errors="replace")
    return root


def _metadata(instance: Instance, target_lifecycle_state: str | None) -> Tree:
    interface = instance.nics[0]
    zone = str(instance.placement.zone)
    tree: Tree = {
        "ami-id": instance.image_id,
        "ami-launch-index": str(instance.ami_launch_index),
        "block-device-mapping": {
            "ami": instance.root_device_name,
            "root": instance.root_device_name,
        },
        "hostname": instance.private_dns_name,
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": "on-demand",
        "instance-type": instance.instance_type,
        "local-hostname": instance.private_dns_name,
        "local-ipv4": str(instance.private_ip),
        "mac": interface.mac_address,
        "network": {"interfaces": {"macs": _interfaces(instance)}},
        "placement": {
            "availability-zone": zone,
            "availability-zone-id": interface.subnet.availability_zone_id,
            "region": instance.region_name,
        },
        "security-groups": "\n".join(group.name for group in instance.security_groups),
        "services": {"domain": "amazonaws.com", "partition": "aws"},
    }
    if instance.public_ip:
        tree["public-ipv4"] = instance.public_ip
    if key := instance.ec2_backend.key_pairs.get(instance.key_name):
        tree["public-keys"] = {"0": {"openssh-key": key.public_key.strip()}}
    if instance.metadata_options.instance_metadata_tags == "enabled":
        tree["tags"] = {"instance": dict(instance.ec2_backend.tags.get(instance.id, {}))}
    if target_lifecycle_state:
        tree["autoscaling"] = {"target-lifecycle-state": target_lifecycle_state}
    if profile := _profile(instance):
        tree["iam"] = _iam(instance, profile)
    return tree


def _interfaces(instance: Instance) -> Tree:
    return {
        eni.mac_address: {
            "device-number": str(index),
            "interface-id": eni.id,
            "local-hostname": instance.private_dns_name,
            "local-ipv4s": "\n".join(a["PrivateIpAddress"] for a in eni.private_ip_addresses),
            "mac": eni.mac_address,
            "owner-id": eni.owner_id,
            "security-group-ids": "\n".join(group.id for group in eni.group_set),
            "security-groups": "\n".join(group.name for group in eni.group_set),
            "subnet-id": eni.subnet.id,
            "subnet-ipv4-cidr-block": eni.subnet.cidr_block,
            "vpc-id": eni.vpc_id,
            "vpc-ipv4-cidr-block": _vpc_cidr(instance, eni.vpc_id),
            "vpc-ipv4-cidr-blocks": _vpc_cidr(instance, eni.vpc_id),
        }
        for index, eni in instance.nics.items()
    }


def _vpc_cidr(instance: Instance, vpc_id: str) -> str:
    return str(instance.ec2_backend.get_vpc(vpc_id).cidr_block)


def _identity(instance: Instance) -> str:
    return json.dumps(
        {
            "accountId": instance.owner_id,
            "architecture": instance.architecture,
            "availabilityZone": instance.placement.zone,
            "imageId": instance.image_id,
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "pendingTime": _iso(instance.launch_time),
            "privateIp": instance.private_ip,
            "region": instance.region_name,
            "version": "2017-09-30",
        },
        indent=2,
    )


def _profile(instance: Instance) -> Any:
    profile = instance.iam_instance_profile
    if not profile:
        return None
    backend = instance.ec2_backend
    return filter_iam_instance_profiles(backend.account_id, backend.partition, profile["Arn"], None)


def _iam(instance: Instance, profile: Any) -> Tree:
    info = {
        "Code": "Success",
        "LastUpdated": _iso(utcnow()),
        "InstanceProfileArn": profile.arn,
        "InstanceProfileId": profile.id,
    }
    roles: Tree = {role.name: _credentials_of(instance, role) for role in profile.roles}
    return {"info": json.dumps(info, indent=2), "security-credentials": roles}


def _credentials_of(instance: Instance, role: Any) -> Callable[[], str]:
    return lambda: _credentials(instance, role)


def _credentials(instance: Instance, role: Any) -> str:
    issued: dict[str, Any] = instance.__dict__.setdefault("issued_credentials", {})
    session = issued.get(role.arn)
    if session is None or session.expiration - utcnow() < _RENEW_BEFORE:
        backend = instance.ec2_backend
        session = sts_backends[backend.account_id][backend.partition].assume_role(
            region_name=instance.region_name,
            role_session_name=instance.id,
            role_arn=role.arn,
            policy="",
            duration=_CREDENTIAL_SECONDS,
            external_id="",
        )
        issued[role.arn] = session
    return json.dumps(
        {
            "Code": "Success",
            "LastUpdated": _iso(session.expiration - timedelta(seconds=_CREDENTIAL_SECONDS)),
            "Type": "AWS-HMAC",
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "Token": session.session_token,
            "Expiration": _iso(session.expiration),
        },
        indent=2,
    )


def _iso(time: datetime) -> str:
    return f"{time.replace(tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"
