"""What all of CloudFront's resources share: an id, a configuration and its version."""

from __future__ import annotations

from typing import Any

from moto.cloudfront.models import random_id
from moto.core.utils import utcnow

from .errors import cloudfront_error

ENDPOINT = "https://cloudfront.amazonaws.com/2020-05-31"
MOST_ITEMS = 100
"""A page of a list, when nobody asks for fewer."""


class Versioned:
    """A resource whose every version has an ETag, which the next change must name."""

    def __init__(self, config: dict[str, Any], identifier: str | None = None) -> None:
        self.id = identifier or random_id()
        self.created = self.modified = utcnow()
        self.config = config
        self._etags = [random_id()]

    @property
    def etag(self) -> str:
        """The version there is now."""
        return self._etags[-1]

    def change(self, config: dict[str, Any], if_match: str | None) -> None:
        """Replace the configuration of the version ``if_match``."""
        self.expect(if_match)
        self.config = config
        self.touch()

    def touch(self) -> None:
        """Begin a new version."""
        self.modified = utcnow()
        self._etags.append(random_id())

    def expect(self, if_match: str | None) -> None:
        """Refuse a change that was made for another version."""
        if if_match not in self._etags:
            raise cloudfront_error(
                "InvalidIfMatchVersion",
                "The If-Match version is missing or not valid for the resource.",
            )
        if if_match != self.etag:
            raise cloudfront_error(
                "PreconditionFailed",
                "The request failed because it didn't meet the preconditions in one or more "
                "request-header fields.",
            )


def page(items: list[Any], ids: list[str], marker: str, most: int | None) -> dict[str, Any]:
    """One page of a list, with the members every list of CloudFront has.

    ``marker`` is the id of the last item of the page before.
    """
    begin = ids.index(marker) + 1 if marker in ids else 0
    end = begin + (most or MOST_ITEMS)
    found: dict[str, Any] = {
        "Marker": marker,
        "MaxItems": most or MOST_ITEMS,
        "IsTruncated": end < len(items),
        "Quantity": len(items[begin:end]),
    }
    if end < len(items):
        found["NextMarker"] = ids[end - 1]
    if items[begin:end]:
        found["Items"] = items[begin:end]
    return found
