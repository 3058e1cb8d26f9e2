#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate
short_description: A domain's certificates in ACM, validated through Route 53
version_added: 0.1.0
description:
  - Requests one certificate for a domain in each of some regions, and puts the record by which
    Amazon validates all of them into the domain's hosted zone. ACM renews them by itself for as
    long as the record stays.
  - A certificate is found again by its domain and by the stack's tag. One that could not be
    validated within the three days that ACM waits is requested anew.
  - Before it requests, it asks the DNS whether the zone is the one that the world asks; validation
    would wait for ever otherwise.
  - The stock module C(community.aws.acm_certificate) imports certificates only.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: >-
      Whether the certificates exist. V(absent) waits until nothing uses them, and deletes the
      validation record, too, unless another certificate of the domain needs it.
    type: str
    choices: [present, absent]
    default: present
  domain:
    description: The domain, such as C(chat.example.com).
    type: str
    required: true
  zone:
    description: The public hosted zone that the domain is in, such as C(example.com).
    type: str
    required: true
  regions:
    description: >-
      The regions that need the certificate. CloudFront takes those of C(us-east-1) only, a load
      balancer those of its own region.
    type: list
    elements: str
    required: true
  resolvers:
    description: Addresses of the DNS servers to ask about the zone. By default those of the system.
    type: list
    elements: str
    default: []
  wait:
    description: Whether to wait until every certificate is issued.
    type: bool
    default: false
  wait_timeout:
    description: >-
      Seconds to wait until the certificates are issued, or, with O(state=absent), until nothing
      uses them.
    type: int
    default: 900
requirements:
  - dnspython
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be requested or deleted.
    support: full
  diff_mode:
    description: Shows certificates by region, and the record.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Request the certificates early
  chatlift.aws.certificate:
    stack: demo
    domain: chat.example.com
    zone: example.com
    regions: [us-east-1, eu-central-1]

- name: Wait for them late
  chatlift.aws.certificate:
    stack: demo
    domain: chat.example.com
    zone: example.com
    regions: [us-east-1, eu-central-1]
    wait: true
"""

RETURN = r"""
arns:
  description: The certificates' ARNs by region.
  type: dict
  returned: when present
statuses:
  description: The certificates' statuses by region, such as C(PENDING_VALIDATION) or C(ISSUED).
  type: dict
  returned: when present
name_servers:
  description: The name servers of the zone, which the parent zone has to name.
  type: list
  elements: str
  returned: when present
"""

import traceback
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import hosted_zone, layout, waits
from ansible_collections.chatlift.aws.plugins.module_utils.acm import (
    Certificate,
    await_issued,
    describe,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    at_most_one,
    delete_when_free,
    pages,
    tag_dict,
    tag_list,
    wait_until,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

try:
    import dns.resolver  # noqa: F401 # pylint: disable=unused-import
except ImportError:
    DNS_ERROR = traceback.format_exc()
else:
    DNS_ERROR = None

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "domain": {"type": "str", "required": True},
    "zone": {"type": "str", "required": True},
    "regions": {"type": "list", "elements": "str", "required": True},
    "resolvers": {"type": "list", "elements": "str", "default": []},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 900},
}

# Seconds within which ACM says by which record it validates a certificate just requested.
RECORD_TIMEOUT = 60
RECORD_TTL = 300


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    domain, stack = params["domain"], params["stack"]
    route53 = module.client("route53")
    zone = hosted_zone.required(route53, changes, params["zone"])
    clients = {region: module.client("acm", region=region) for region in params["regions"]}
    found = {region: _usable(acm, domain, stack, region) for region, acm in clients.items()}
    pending = any(one is None or one["Status"] != "ISSUED" for one in found.values())
    flaw = ""
    if pending and zone.name_servers:
        flaw = hosted_zone.delegation_flaw(zone, params["resolvers"])
    if flaw:
        raise ChatliftError(f"{flaw} Until then no certificate for {domain} can be validated.")
    arns = {
        region: found[region]["CertificateArn"]
        if found[region]
        else _request(acm, changes, domain, stack, region)
        for region, acm in clients.items()
    }
    if UNKNOWN in arns.values():
        return _result(zone, arns, {region: {"Status": UNKNOWN} for region in arns})
    certificates = {
        region: found[region]
        if _validation_records(found[region])
        else _await_validation_records(acm, arns[region])
        for region, acm in clients.items()
    }
    # Of one domain and account they are all the same.
    records = {
        (record["Name"], record["Value"])
        for certificate in certificates.values()
        for record in _validation_records(certificate)
    }
    hosted_zone.set_records(
        route53, changes, zone, [_validation_record(*record) for record in sorted(records)]
    )
    if params["wait"] and not changes.check_mode:
        certificates = {
            region: _await_issued(clients[region], certificate, zone, params["wait_timeout"])
            for region, certificate in certificates.items()
        }
    return _result(zone, arns, certificates)


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    domain, stack = params["domain"], params["stack"]
    records: set[str] = set()
    others = False
    for region in params["regions"]:
        acm = module.client("acm", region=region)
        for certificate in _list(acm, domain):
            if not _is_of_stack(acm, certificate, stack):
                others = True
                continue
            records |= {record["Name"] for record in _validation_records(certificate)}
            changes.apply(
                f"certificate in {region}",
                certificate["Status"],
                None,
                delete_when_free,
                call=acm.delete_certificate,
                what=f"the certificate of {domain} in {region}",
                timeout=params["wait_timeout"],
                CertificateArn=certificate["CertificateArn"],
            )
    route53 = module.client("route53")
    zone = hosted_zone.find(route53, params["zone"])
    if zone and not others:
        keys = [(name.rstrip("."), "CNAME") for name in sorted(records)]
        hosted_zone.delete_records(route53, changes, zone, keys)
    return {}


def _list(acm: Any, domain: str) -> list[Certificate]:
    """The domain's certificates in full, those that ACM has given up included."""
    return [
        describe(acm, one["CertificateArn"])
        for one in pages(acm, "list_certificates", "CertificateSummaryList")
        if one["DomainName"] == domain
    ]


def _is_of_stack(acm: Any, certificate: Certificate, stack: str) -> bool:
    listed = acm.list_tags_for_certificate(CertificateArn=certificate["CertificateArn"])
    return tag_dict(listed.get("Tags")).get("chatlift:stack") == stack


def _usable(acm: Any, domain: str, stack: str, region: str) -> Certificate | None:
    """The stack's certificate that is issued or may still be.

    Raises:
        ChatliftError: ACM refused to issue it, which another request would not change.
    """
    mine = [one for one in _list(acm, domain) if _is_of_stack(acm, one, stack)]
    good = [one for one in mine if one["Status"] in ("ISSUED", "PENDING_VALIDATION")]
    refused = [one for one in mine if one["Status"] in ("FAILED", "REVOKED", "INACTIVE")]
    if refused and not good:
        certificate = refused[0]
        reason = certificate.get("FailureReason") or certificate.get("RevocationReason") or "none"
        raise ChatliftError(
            f"The certificate of {domain} in {region} is {certificate['Status']}, with the reason"
            f" {reason}. See to the reason (CAA_ERROR: let the domain's CAA records allow"
            f" amazon.com), delete {certificate['CertificateArn']} and run this again."
        )
    return at_most_one(good, f"the certificate of {domain} in {region}")


def _request(acm: Any, changes: Changes, domain: str, stack: str, region: str) -> str:
    return changes.apply(
        f"certificate in {region}",
        None,
        {"DomainName": domain, "ValidationMethod": "DNS"},
        acm.request_certificate,
        DomainName=domain,
        ValidationMethod="DNS",
        Tags=tag_list(layout.tags(stack, f"chatlift-{stack}")),
    ).get("CertificateArn", UNKNOWN)


def _validation_records(certificate: Certificate | None) -> list[dict[str, str]]:
    return [
        option["ResourceRecord"]
        for option in (certificate or {}).get("DomainValidationOptions", [])
        if "ResourceRecord" in option
    ]


def _await_validation_records(acm: Any, arn: str) -> Certificate:
    return wait_until(
        lambda: describe(acm, arn),
        _validation_records,
        what=f"ACM to say by which record it validates {arn}",
        timeout=RECORD_TIMEOUT,
    )


def _validation_record(name: str, value: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "CNAME",
        "TTL": RECORD_TTL,
        "ResourceRecords": [{"Value": value}],
    }


def _await_issued(
    acm: Any, certificate: Certificate, zone: hosted_zone.Zone, timeout: int
) -> Certificate:
    if certificate["Status"] == "ISSUED":
        return certificate
    return await_issued(acm, certificate["CertificateArn"], timeout, zone.to_delegate)


def _result(
    zone: hosted_zone.Zone, arns: dict[str, str], certificates: dict[str, Certificate]
) -> dict[str, Any]:
    # Whatever was done meanwhile, they took as long as Amazon says.
    for one in certificates.values():
        if "IssuedAt" in one:
            waits.note("certificates", one["CreatedAt"].timestamp(), one["IssuedAt"].timestamp())
    return {
        "arns": arns,
        "statuses": {region: one["Status"] for region, one in certificates.items()},
        "name_servers": list(zone.name_servers),
    }


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if DNS_ERROR:
        module.fail_json(msg=missing_required_lib("dnspython"), exception=DNS_ERROR)
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
