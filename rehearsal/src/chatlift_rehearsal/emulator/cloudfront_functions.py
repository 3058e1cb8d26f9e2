"""CloudFront functions with their two stages: what is edited and what is live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow

from .cloudfront_resources import Versioned, page
from .errors import cloudfront_error


class Function(Versioned):
    """A function; ``live`` is the version that distributions may use."""

    def __init__(self, account_id: str, name: str, config: dict[str, Any], code: bytes) -> None:
        super().__init__(config)
        self.name = name
        self.arn = f"arn:aws:cloudfront::{account_id}:function/{name}"
        self.code = code
        self.live: tuple[dict[str, Any], bytes, Any] | None = None

    def publish(self) -> None:
        """Make what was edited last the live version."""
        self.live = (self.config, self.code, utcnow())

    def code_of(self, stage: str) -> bytes:
        """The source of a stage."""
        return self.live[1] if stage == "LIVE" and self.live else self.code

    def summary(self, stage: str, used: bool) -> dict[str, Any]:
        """As the API shows a stage of it."""
        config, modified = self.config, self.modified
        if stage == "LIVE" and self.live:
            config, _, modified = self.live
        status = "UNPUBLISHED"
        if self.live:
            status = "DEPLOYED" if used else "UNASSOCIATED"
        return {
            "Name": self.name,
            "Status": status,
            "FunctionConfig": config,
            "FunctionMetadata": {
                "FunctionARN": self.arn,
                "Stage": stage,
                "CreatedTime": self.created,
                "LastModifiedTime": modified,
            },
        }


class Functions:
    """Those of an account; ``used`` says whether a distribution has the function of an ARN."""

    def __init__(self, account_id: str, used: Callable[[str], bool]) -> None:
        self._account_id = account_id
        self._used = used
        self.by_name: dict[str, Function] = {}

    def create(self, name: str, config: dict[str, Any], code: bytes) -> Function:
        if name in self.by_name:
            raise cloudfront_error(
                "FunctionAlreadyExists", f"A function with the name {name} already exists."
            )
        self.by_name[name] = Function(self._account_id, name, config, code)
        return self.by_name[name]

    def get(self, name: str, stage: str = "DEVELOPMENT") -> Function:
        function = self.by_name.get(name)
        if function is None or (stage == "LIVE" and function.live is None):
            raise cloudfront_error("NoSuchFunctionExists", "The specified function does not exist.")
        return function

    def update(
        self, name: str, config: dict[str, Any], code: bytes, if_match: str | None
    ) -> Function:
        function = self.get(name)
        function.change(config, if_match)
        function.code = code
        return function

    def publish(self, name: str, if_match: str | None) -> Function:
        function = self.get(name)
        function.expect(if_match)
        function.publish()
        return function

    def delete(self, name: str, if_match: str | None) -> None:
        function = self.get(name)
        function.expect(if_match)
        if self._used(function.arn):
            raise cloudfront_error(
                "FunctionInUse",
                "Cannot delete the function because it's attached to one or more cache behaviors.",
            )
        del self.by_name[name]

    def is_live(self, arn: str) -> bool:
        """Whether a distribution may use the function."""
        return any(f.arn == arn and f.live for f in self.by_name.values())

    def summary(self, function: Function, stage: str = "DEVELOPMENT") -> dict[str, Any]:
        """As the API shows it."""
        return function.summary(stage, self._used(function.arn))

    def listed(self, stage: str | None, marker: str, most: int | None) -> dict[str, Any]:
        found = [
            (function.name, self.summary(function, one))
            for function in self.by_name.values()
            for one in ("DEVELOPMENT", "LIVE")
            if stage in (None, one) and (one == "DEVELOPMENT" or function.live)
        ]
        return page([summary for _, summary in found], [name for name, _ in found], marker, most)
