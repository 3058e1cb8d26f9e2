"""The environment variables that point an AWS client at the rehearsal."""

from __future__ import annotations

from chatlift_rehearsal.settings import CREDENTIAL, REGION, Settings

UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
"""Variables that would bring in credentials of a real account."""


def variables(settings: Settings) -> dict[str, str]:
    """What to set; shared configuration files are kept out, for they may name a real account."""
    return {
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def exports(settings: Settings) -> str:
    """Lines for ``eval`` in a POSIX shell."""
    lines = [f"export {name}={value}" for name, value in variables(settings).items()]
    return "\n".join([*lines, f"unset {' '.join(UNSET)}", ""])
