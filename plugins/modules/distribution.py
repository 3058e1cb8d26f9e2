#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: distribution
short_description: A site in CloudFront, with static files and an application under one domain
version_added: 0.1.0
description:
  - Makes a CloudFront distribution C(chatlift-<stack>) that serves a release of a
    M(chatlift.aws.static_site), and passes some paths, WebSockets included, on to the load balancer
    C(chatlift-<stack>) with all headers, cookies and query strings of the viewer and without
    keeping anything.
  - Browsers are told to be strict by a response-headers policy, which allows no sniffing of types,
    no frames of other sites, HTTPS alone, and what O(content_security_policy) says.
  - CloudFront reads the bucket by an origin access control, which this module allows in the
    bucket's policy, and reaches an internal load balancer by a VPC origin, over HTTPS either way.
  - Another release is one change of the distribution. Once every edge location has it, the paths
    in O(invalidate) are forgotten; what is named for its contents may stay.
  - C(community.aws.cloudfront_distribution) knows neither VPC origins nor origin access
    controls.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description:
      - Whether the distribution exists.
      - V(shown) changes nothing in it, but waits until every edge location shows the release, and
        then has what was kept of the one before forgotten.
      - V(absent) disables it, waits until it is disabled everywhere, and deletes it with the VPC
        origin, the origin access control and the response-headers policy. With O(wait=false) it
        only disables it.
    type: str
    choices: [present, shown, absent]
    default: present
  domain:
    description: The site's domain. Required when O(state=present).
    type: str
  certificate_arn:
    description: >-
      An issued certificate of the domain in C(us-east-1). Required when O(state=present).
    type: str
  bucket:
    description: The bucket of the releases, in the region. Required when O(state=present).
    type: str
  release:
    description: >-
      Digest of the release to show, below C(releases/) in the bucket. Required when
      O(state=present) or O(state=shown).
    type: str
  invalidate:
    description: >-
      Paths that edge locations forget with another release, such as C(/index.html). C(*) at the end
      stands for anything.
    type: list
    elements: str
    default: ['/*']
  backend_paths:
    description: Path patterns of what the load balancer answers.
    type: list
    elements: str
    default: ['/ws*', '/socket.io/*', '/api/*']
  origin:
    description:
      - V(vpc) reaches an internal load balancer by a VPC origin.
      - V(public) reaches an internet-facing one, and shows it the header C(X-Chatlift-Origin) with
        the value that the secret C(chatlift/<stack>/edge) has at C(origin_header).
    type: str
    choices: [vpc, public]
    default: vpc
  price_class:
    description: >-
      Where the edge locations are; V(PriceClass_100) is Europe, Israel and North America.
    type: str
    choices: [PriceClass_100, PriceClass_200, PriceClass_All]
    default: PriceClass_100
  content_security_policy:
    description: >-
      The header C(Content-Security-Policy) of every answer that comes without one. Empty for none.
    type: str
    default: ""
  error_pages:
    description: What is answered instead of an origin's errors, on every path.
    type: list
    elements: dict
    default: []
    suboptions:
      code:
        description: The origin's status code.
        type: int
        required: true
      page:
        description: Path of the page in the release.
        type: str
        required: true
      respond_with:
        description: The status code for the viewer. By default the origin's.
        type: int
      seconds:
        description: For how long the error is kept.
        type: int
        default: 0
  web_acl:
    description: >-
      Whether AWS WAF looks at requests first, and refuses those that Amazon's lists know as
      malicious and addresses that ask too much.
    type: bool
    default: false
  rate_limit:
    description: With O(web_acl), how many requests an address has in five minutes, 10 at least.
    type: int
    default: 2000
  logs_bucket:
    description: >-
      Bucket that gets the access logs; it has to accept access control lists. Empty for none.
    type: str
    default: ""
  logs_prefix:
    description: Where in O(logs_bucket) they go.
    type: str
    default: cloudfront/
  wait:
    description: >-
      Whether to wait until every edge location shows the release, or until nothing is left. Without
      it, run the module again later, for a release with O(state=shown).
    type: bool
    default: true
  wait_timeout:
    description: Seconds for each thing that is waited for.
    type: int
    default: 1800
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made or changed.
    support: full
  diff_mode:
    description: Shows the parts of the configuration that differ, the origin header masked.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Begin to show the release
  chatlift.aws.distribution:
    stack: demo
    domain: chat.example.com
    certificate_arn: "{{ certificate.arns['us-east-1'] }}"
    bucket: "{{ site.bucket }}"
    release: "{{ site.release }}"
    wait: false

- name: Wait until it is shown everywhere
  chatlift.aws.distribution:
    stack: demo
    state: shown
    release: "{{ site.release }}"
    invalidate: "{{ site.invalidate }}"
"""

RETURN = r"""
id:
  description: The distribution's id.
  type: str
  returned: when present
arn:
  description: The distribution's ARN.
  type: str
  returned: when present
domain_name:
  description: The name that the domain has to lead to.
  type: str
  returned: when present
  sample: d111111abcdef8.cloudfront.net
shown:
  description: Whether every edge location shows the release.
  type: bool
  returned: when present
"""

from contextlib import suppress
from typing import Any

with suppress(ImportError):  # AnsibleAWSModule says so when boto3 is missing
    from botocore.exceptions import ClientError

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import bucket, web_acl
from ansible_collections.chatlift.aws.plugins.module_utils.cdn import Cdn
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.distribution_config import (
    ErrorPage,
    Site,
    vpc_origin_ids,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    required,
    wait_until,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import origin_header, run

ERROR_PAGE_OPTIONS = {
    "code": {"type": "int", "required": True},
    "page": {"type": "str", "required": True},
    "respond_with": {"type": "int"},
    "seconds": {"type": "int", "default": 0},
}
ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "shown", "absent"], "default": "present"},
    "domain": {"type": "str"},
    "certificate_arn": {"type": "str"},
    "bucket": {"type": "str"},
    "release": {"type": "str"},
    "invalidate": {"type": "list", "elements": "str", "default": ["/*"]},
    "backend_paths": {
        "type": "list",
        "elements": "str",
        "default": ["/ws*", "/socket.io/*", "/api/*"],
    },
    "origin": {"type": "str", "choices": ["vpc", "public"], "default": "vpc"},
    "price_class": {
        "type": "str",
        "choices": ["PriceClass_100", "PriceClass_200", "PriceClass_All"],
        "default": "PriceClass_100",
    },
    "content_security_policy": {"type": "str", "default": ""},
    "error_pages": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": ERROR_PAGE_OPTIONS,
    },
    "web_acl": {"type": "bool", "default": False},
    "rate_limit": {"type": "int", "default": 2000},
    "logs_bucket": {"type": "str", "default": ""},
    "logs_prefix": {"type": "str", "default": "cloudfront/"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 1800},
}
REQUIRED_WHEN_PRESENT = ["domain", "certificate_arn", "bucket", "release"]

SCHEMES = {"vpc": "internal", "public": "internet-facing"}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    release = params["release"]
    cdn = Cdn(module.client("cloudfront"), changes, params["stack"], params["wait_timeout"])
    balancer = _load_balancer(module, changes, cdn.name)
    access_control_id = cdn.ensure_access_control()
    headers_policy_id = cdn.ensure_headers_policy(params["content_security_policy"])
    vpc_origin_id = header = ""
    if params["origin"] == "vpc":
        vpc_origin_id = cdn.ensure_vpc_origin(balancer["LoadBalancerArn"])
    else:
        header = origin_header(module.client("secretsmanager"), changes, params["stack"])
        module.no_log_values.add(header)
    web_acl_arn = ""
    if params["web_acl"]:
        wafv2 = module.client("wafv2", region=web_acl.REGION)
        web_acl_arn = web_acl.ensure(wafv2, changes, params["stack"], params["rate_limit"])
    site = Site(
        name=cdn.name,
        domain=params["domain"],
        certificate_arn=params["certificate_arn"],
        bucket=params["bucket"],
        bucket_region=module.region,
        release=release,
        access_control_id=access_control_id,
        headers_policy_id=headers_policy_id,
        load_balancer=balancer["DNSName"],
        vpc_origin_id=vpc_origin_id,
        origin_header=header,
        backend_paths=tuple(params["backend_paths"]),
        price_class=params["price_class"],
        error_pages=tuple(map(_error_page, params["error_pages"])),
        web_acl_arn=web_acl_arn,
        logs_bucket=params["logs_bucket"],
        logs_prefix=params["logs_prefix"],
    )
    try:
        distribution = cdn.ensure_distribution(site.config(), release)
    except ClientError as error:
        if error_code(error) != "CNAMEAlreadyExists":
            raise
        raise ChatliftError(
            f"Another distribution, perhaps of another account, serves {params['domain']}. Remove"
            f" the name there first, or choose another chatlift_domain."
        ) from error
    bucket.ensure_statements(
        module.client("s3"),
        changes,
        params["bucket"],
        [_statement(params["bucket"], distribution["ARN"])],
    )
    if params["wait"]:
        return shown(module, changes)
    return _result(cdn, distribution, release)


def shown(module: AnsibleAWSModule, changes: Changes) -> dict:
    """Wait for the distribution, then put away what it has no longer any use for."""
    params = module.params
    cdn = Cdn(module.client("cloudfront"), changes, params["stack"], params["wait_timeout"])
    distribution = cdn.find()
    required(
        changes,
        distribution and distribution["Id"],
        f"distribution {cdn.name}",
        "Run playbooks/edge.yml.",
    )
    if distribution is None:
        return {"id": UNKNOWN, "arn": UNKNOWN, "domain_name": UNKNOWN, "shown": False}
    distribution = cdn.show(distribution, params["release"], params["invalidate"])
    config = distribution["DistributionConfig"]
    cdn.delete_vpc_origins(kept=vpc_origin_ids(config))
    if not config["WebACLId"]:
        wafv2 = module.client("wafv2", region=web_acl.REGION)
        web_acl.delete(wafv2, changes, params["stack"], params["wait_timeout"])
    return _result(cdn, distribution, params["release"])


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    cdn = Cdn(module.client("cloudfront"), changes, params["stack"], params["wait_timeout"])
    cdn.disable()
    if params["wait"]:
        cdn.delete()
        cdn.delete_vpc_origins(kept=[])
        cdn.delete_access_control()
        cdn.delete_headers_policy()
        wafv2 = module.client("wafv2", region=web_acl.REGION)
        web_acl.delete(wafv2, changes, params["stack"], params["wait_timeout"])
    return {}


def _result(cdn: Cdn, distribution: dict[str, Any], release: str) -> dict[str, Any]:
    return {
        "id": distribution["Id"],
        "arn": distribution["ARN"],
        "domain_name": distribution["DomainName"],
        "shown": cdn.is_shown(distribution, release),
    }


def _load_balancer(module: AnsibleAWSModule, changes: Changes, name: str) -> dict[str, str]:
    """The stack's load balancer, which is there to be connected to."""
    elbv2 = module.client("elbv2")

    def look() -> dict[str, Any] | None:
        try:
            return elbv2.describe_load_balancers(Names=[name])["LoadBalancers"][0]
        except elbv2.exceptions.LoadBalancerNotFoundException:
            return None

    found = look()
    required(
        changes,
        found and found["LoadBalancerArn"],
        f"load balancer {name}",
        "Run playbooks/app_tier.yml first.",
    )
    if found is None:
        return {"LoadBalancerArn": UNKNOWN, "DNSName": UNKNOWN}
    origin, scheme = module.params["origin"], SCHEMES[module.params["origin"]]
    if found["Scheme"] != scheme:
        raise ChatliftError(
            f"The load balancer {name} is {found['Scheme']}, and with edge_origin: {origin} it has"
            f" to be {scheme}, which cannot be changed. Delete it and run playbooks/app_tier.yml,"
            f" or set edge_origin to the other."
        )
    return wait_until(
        lambda: look() or found,
        lambda seen: seen["State"]["Code"] == "active",
        what=f"the load balancer {name} to be active",
        timeout=module.params["wait_timeout"],
        describe=lambda seen: seen["State"]["Code"],
        link="load balancer",
        began=lambda seen: seen["CreatedTime"],
    )


def _error_page(given: dict[str, Any]) -> ErrorPage:
    code = given["code"]
    return ErrorPage(code, given["page"], given["respond_with"] or code, given["seconds"])


def _statement(name: str, distribution_arn: str) -> dict[str, Any]:
    """With ListBucket, S3 answers 404 and not 403 for what is not there."""
    return {
        "Sid": "CloudFront",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution_arn}},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[
            ("state", "present", REQUIRED_WHEN_PRESENT),
            ("state", "shown", ["release"]),
        ],
    )
    run(module, {"present": present, "shown": shown, "absent": absent}[module.params["state"]])


if __name__ == "__main__":
    main()
