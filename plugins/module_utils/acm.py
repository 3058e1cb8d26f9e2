# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates of Certificate Manager that are not issued yet."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import wait_until

Certificate = dict


def describe(acm: Any, arn: str) -> Certificate:
    """The certificate as DescribeCertificate says."""
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


def await_issued(acm: Any, arn: str, timeout: float, remedy: str) -> Certificate:
    """Wait until Amazon has seen the record that validates a certificate.

    Raises:
        ChatliftError: It has not in time, with the sentence ``remedy``, or never will.
    """
    try:
        certificate = wait_until(
            lambda: describe(acm, arn),
            lambda seen: seen["Status"] != "PENDING_VALIDATION",
            what=f"the certificate {arn} to be issued",
            timeout=timeout,
            describe=lambda seen: seen["Status"],
            link="certificates",
            began=lambda seen: seen["CreatedAt"],
        )
    except ChatliftError as error:
        raise ChatliftError(
            f"{error}. Amazon does not see the validation record. {remedy}"
        ) from error
    if certificate["Status"] != "ISSUED":
        raise ChatliftError(
            f"The certificate {arn} was not issued: it is {certificate['Status']}. Run"
            f" playbooks/edge.yml, which says why."
        )
    return certificate
