"""CloudFront's operations: requests as botocore's model reads them, answers as it writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult

from .cloudfront import CloudFrontMends, location
from .cloudfront_distributions import AccessControl, Distribution
from .cloudfront_functions import Function
from .cloudfront_policies import KINDS, Kind, Policies, Policy
from .cloudfront_resources import page
from .cloudfront_vpc_origins import VpcOrigin
from .locking import Locked

PATHS = (
    *(
        f"{kind.path}{end}"
        for kind in KINDS
        for end in ("$", "/(?P<id>[^/]+)$", "/(?P<id>[^/]+)/config$")
    ),
    "vpc-origin$",
    "vpc-origin/(?P<id>[^/]+)$",
    "function/(?P<name>[^/]+)/publish$",
)
"""Of URLs that moto does not know."""


class CloudFrontResponses(Locked, CloudFrontResponse):
    """Those that moto lacks or has wrong."""

    @property
    def cloudfront(self) -> CloudFrontMends:
        """The mended backend."""
        backend = self.backend
        assert isinstance(backend, CloudFrontMends)
        return backend

    def _given(self, name: str) -> Any:
        return self._get_param(name)

    def _page(self) -> tuple[str, int | None]:
        most = self._given("MaxItems")
        return self._given("Marker") or "", int(most) if most else None

    # Distributions.

    def create_distribution(self) -> ActionResult:
        return self._created(self.cloudfront.create(self._given("DistributionConfig"), []))

    def create_distribution_with_tags(self) -> ActionResult:
        given = self._given("DistributionConfigWithTags")
        tags = given.get("Tags", {}).get("Items", [])
        return self._created(self.cloudfront.create(given["DistributionConfig"], tags))

    def _created(self, made: Distribution) -> ActionResult:
        return ActionResult({**_shown(made), "Location": location("distribution", made.id)})

    def get_distribution(self) -> ActionResult:
        return ActionResult(_shown(self.cloudfront.distribution(self._given("Id"))))

    def get_distribution_config(self) -> ActionResult:
        found = self.cloudfront.distribution(self._given("Id"))
        return ActionResult({"DistributionConfig": found.config, "ETag": found.etag})

    def list_distributions(self) -> ActionResult:
        return ActionResult({"DistributionList": self.cloudfront.listed(*self._page())})

    def update_distribution(self) -> ActionResult:
        changed = self.cloudfront.update(
            self._given("Id"), self._given("DistributionConfig"), self._given("IfMatch")
        )
        return ActionResult(_shown(changed))

    def delete_distribution(self) -> ActionResult:
        self.cloudfront.delete(self._given("Id"), self._given("IfMatch"))
        return EmptyResult()

    # Invalidations.

    def create_invalidation(self) -> ActionResult:
        distribution = self._given("DistributionId")
        batch = self._given("InvalidationBatch")
        made = self.cloudfront.invalidate(
            distribution, batch["Paths"].get("Items", []), batch["CallerReference"]
        )
        where = location("distribution", f"{distribution}/invalidation/{made.id}")
        return ActionResult({"Invalidation": made.described, "Location": where})

    def get_invalidation(self) -> ActionResult:
        found = self.cloudfront.invalidation(self._given("DistributionId"), self._given("Id"))
        return ActionResult({"Invalidation": found.described})

    def list_invalidations(self) -> ActionResult:
        distribution = self.cloudfront.distribution(self._given("DistributionId"))
        found = list(distribution.invalidations.values())
        listed = page([i.described for i in found], [i.id for i in found], *self._page())
        return ActionResult({"InvalidationList": listed})

    # Origin access controls.

    def create_origin_access_control(self) -> ActionResult:
        made = self.cloudfront.create_access_control(self._given("OriginAccessControlConfig"))
        return ActionResult(
            {**_control(made), "Location": location("origin-access-control", made.id)}
        )

    def get_origin_access_control(self) -> ActionResult:
        return ActionResult(_control(self.cloudfront.access_control(self._given("Id"))))

    def get_origin_access_control_config(self) -> ActionResult:
        found = self.cloudfront.access_control(self._given("Id"))
        return ActionResult({"OriginAccessControlConfig": found.config, "ETag": found.etag})

    def list_origin_access_controls(self) -> ActionResult:
        found = list(self.cloudfront.access_controls.values())
        items = [{"Id": control.id, **control.config} for control in found]
        listed = page(items, [control.id for control in found], *self._page())
        return ActionResult({"OriginAccessControlList": listed})

    def update_origin_access_control(self) -> ActionResult:
        changed = self.cloudfront.update_access_control(
            self._given("Id"), self._given("OriginAccessControlConfig"), self._given("IfMatch")
        )
        return ActionResult(_control(changed))

    def delete_origin_access_control(self) -> ActionResult:
        self.cloudfront.delete_access_control(self._given("Id"), self._given("IfMatch"))
        return EmptyResult()

    # VPC origins.

    def create_vpc_origin(self) -> ActionResult:
        made = self.cloudfront.vpc_origins.create(self._given("VpcOriginEndpointConfig"))
        tags = (self._given("Tags") or {}).get("Items", [])
        self.cloudfront.tagger.tag_resource(made.arn, tags)
        return ActionResult({**_vpc_origin(made), "Location": location("vpc-origin", made.id)})

    def get_vpc_origin(self) -> ActionResult:
        return ActionResult(_vpc_origin(self.cloudfront.vpc_origins.get(self._given("Id"))))

    def list_vpc_origins(self) -> ActionResult:
        return ActionResult({"VpcOriginList": self.cloudfront.vpc_origins.listed(*self._page())})

    def update_vpc_origin(self) -> ActionResult:
        changed = self.cloudfront.vpc_origins.update(
            self._given("Id"), self._given("VpcOriginEndpointConfig"), self._given("IfMatch")
        )
        return ActionResult(_vpc_origin(changed))

    def delete_vpc_origin(self) -> ActionResult:
        going = self.cloudfront.vpc_origins.delete(self._given("Id"), self._given("IfMatch"))
        return ActionResult(_vpc_origin(going))

    # Functions.

    def create_function(self) -> ActionResult:
        functions = self.cloudfront.site_functions
        made = functions.create(
            self._given("Name"), self._given("FunctionConfig"), self._given("FunctionCode")
        )
        tags = (self._given("Tags") or {}).get("Items", [])
        self.cloudfront.tagger.tag_resource(made.arn, tags)
        return ActionResult({**self._function(made), "Location": location("function", made.name)})

    def describe_function(self) -> ActionResult:
        stage = self._given("Stage") or "DEVELOPMENT"
        found = self.cloudfront.site_functions.get(self._given("Name"), stage)
        return ActionResult(self._function(found, stage))

    def get_function(self) -> ActionResult:
        stage = self._given("Stage") or "DEVELOPMENT"
        found = self.cloudfront.site_functions.get(self._given("Name"), stage)
        return ActionResult(
            {
                "FunctionCode": found.code_of(stage),
                "ETag": found.etag,
                "ContentType": "application/octet-stream",
            }
        )

    def update_function(self) -> ActionResult:
        changed = self.cloudfront.site_functions.update(
            self._given("Name"),
            self._given("FunctionConfig"),
            self._given("FunctionCode"),
            self._given("IfMatch"),
        )
        return ActionResult(self._function(changed))

    def publish_function(self) -> ActionResult:
        functions = self.cloudfront.site_functions
        published = functions.publish(self._given("Name"), self._given("IfMatch"))
        return ActionResult({"FunctionSummary": functions.summary(published, "LIVE")})

    def delete_function(self) -> ActionResult:
        self.cloudfront.site_functions.delete(self._given("Name"), self._given("IfMatch"))
        return EmptyResult()

    def list_functions(self) -> ActionResult:
        listed = self.cloudfront.site_functions.listed(self._given("Stage"), *self._page())
        return ActionResult({"FunctionList": listed})

    def _function(self, function: Function, stage: str = "DEVELOPMENT") -> dict[str, Any]:
        summary = self.cloudfront.site_functions.summary(function, stage)
        return {"FunctionSummary": summary, "ETag": function.etag}

    # Tags.

    def list_tags_for_resource(self) -> ActionResult:
        self.cloudfront.require_tagged(self._given("Resource"))
        return super().list_tags_for_resource()

    def tag_resource(self) -> ActionResult:
        self.cloudfront.require_tagged(self._given("Resource"))
        return super().tag_resource()

    def untag_resource(self) -> ActionResult:
        self.cloudfront.require_tagged(self._given("Resource"))
        return super().untag_resource()


def _shown(distribution: Distribution) -> dict[str, Any]:
    return {"Distribution": distribution.described, "ETag": distribution.etag}


def _control(control: AccessControl) -> dict[str, Any]:
    return {"OriginAccessControl": control.described, "ETag": control.etag}


def _vpc_origin(origin: VpcOrigin) -> dict[str, Any]:
    return {"VpcOrigin": origin.described, "ETag": origin.etag}


def _policy_operations(kind: Kind) -> dict[str, Callable[[CloudFrontResponses], ActionResult]]:
    """The seven operations of a kind of policy, which differ in its name alone."""
    config = f"{kind.name}Config"

    def policies(request: CloudFrontResponses) -> Policies:
        return request.cloudfront.policies[kind.name]

    def shown(policy: Policy) -> dict[str, Any]:
        return {kind.name: policy.described, "ETag": policy.etag}

    def create(self: CloudFrontResponses) -> ActionResult:
        made = policies(self).create(self._given(config))
        return ActionResult({**shown(made), "Location": location(kind.path, made.id)})

    def get(self: CloudFrontResponses) -> ActionResult:
        return ActionResult(shown(policies(self).get(self._given("Id"))))

    def get_config(self: CloudFrontResponses) -> ActionResult:
        found = policies(self).get(self._given("Id"))
        return ActionResult({config: found.config, "ETag": found.etag})

    def update(self: CloudFrontResponses) -> ActionResult:
        given = (self._given("Id"), self._given(config), self._given("IfMatch"))
        return ActionResult(shown(policies(self).update(*given)))

    def delete(self: CloudFrontResponses) -> ActionResult:
        policies(self).delete(self._given("Id"), self._given("IfMatch"))
        return EmptyResult()

    def list_(self: CloudFrontResponses) -> ActionResult:
        listed = policies(self).listed(self._given("Type"), *self._page())
        return ActionResult({f"{kind.name}List": listed})

    return {
        f"create_{kind.snake}y": create,
        f"get_{kind.snake}y": get,
        f"get_{kind.snake}y_config": get_config,
        f"update_{kind.snake}y": update,
        f"delete_{kind.snake}y": delete,
        f"list_{kind.snake}ies": list_,
    }


for _kind in KINDS:
    for _name, _operation in _policy_operations(_kind).items():
        setattr(CloudFrontResponses, _name, _operation)
