"""Errors as AWS words them, for the cases moto has no class for."""

from __future__ import annotations

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.cloudfront.exceptions import CloudFrontException
from moto.ec2.exceptions import EC2ClientError
from moto.route53.exceptions import Route53ClientError


def ec2_error(code: str, message: str) -> EC2ClientError:
    """An EC2 error; the codes are those of the EC2 API reference."""
    return EC2ClientError(code, message)


def group_error(message: str, code: str = "ValidationError") -> AutoscalingClientError:
    """An Auto Scaling error; nearly all of them are a ValidationError."""
    return AutoscalingClientError(code, message)


def cloudfront_error(code: str, message: str) -> CloudFrontException:
    """A CloudFront error; the codes are those of the CloudFront API reference."""
    return CloudFrontException(code, message)


def route53_error(code: str, message: str) -> Route53ClientError:
    """A Route 53 error; the codes are those of the Route 53 API reference."""
    return Route53ClientError(code, message)
