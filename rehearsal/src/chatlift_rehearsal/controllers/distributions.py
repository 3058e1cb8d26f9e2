"""What a distribution's proxy must be told so that it serves what the API says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chatlift_rehearsal.edge import DistributionView, OriginView
from chatlift_rehearsal.model import CertificateView, CloudView


@dataclass(frozen=True)
class Site:
    """A distribution as a proxy is configured with it.

    ``addresses`` are those of each origin, by its id; one without is found through DNS.
    """

    distribution: DistributionView
    addresses: tuple[tuple[str, tuple[str, ...]], ...]
    certificate: CertificateView | None


@dataclass(frozen=True)
class Served:
    """A site that is served, and the invalidations it has carried out."""

    site: Site
    invalidated: frozenset[str]


@dataclass(frozen=True)
class ConfigureSite:
    """Start a distribution's proxy, or change it without losing a connection."""

    site: Site

    @property
    def key(self) -> str:
        return self.site.distribution.id


@dataclass(frozen=True)
class ForgetPaths:
    """Drop from a distribution's cache what matches the paths of an invalidation."""

    key: str
    invalidation: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class StopSite:
    """The distribution was disabled or deleted."""

    key: str


@dataclass(frozen=True)
class SendLog:
    """It is time for a distribution's access log to go to its bucket."""

    key: str


SiteAction = ConfigureSite | ForgetPaths | StopSite | SendLog


def plan_distributions(view: CloudView, served: Mapping[str, Served]) -> list[SiteAction]:
    """One action at most a distribution."""
    actions: list[SiteAction] = []
    enabled = [distribution for distribution in view.distributions if distribution.enabled]
    for distribution in enabled:
        site = site_of(view, distribution)
        present = served.get(distribution.id)
        if present is None or present.site != site:
            actions.append(ConfigureSite(site))
            continue
        for invalidation, paths in distribution.invalidations:
            if invalidation not in present.invalidated:
                actions.append(ForgetPaths(distribution.id, invalidation, paths))
                break
    known = {distribution.id for distribution in enabled}
    return [*actions, *(StopSite(key) for key in served if key not in known)]


def site_of(view: CloudView, distribution: DistributionView) -> Site:
    """A distribution with what it names: its certificate and the addresses of its origins."""
    certificates = {certificate.arn: certificate for certificate in view.certificates}
    return Site(
        distribution,
        tuple((origin.id, _addresses(view, origin)) for origin in distribution.origins),
        certificates.get(distribution.certificate),
    )


def _addresses(view: CloudView, origin: OriginView) -> tuple[str, ...]:
    for balancer in view.load_balancers:
        # A private one is reached through its VPC origin alone, whatever name it is given.
        if balancer.arn == origin.endpoint or (
            not origin.endpoint and balancer.dns_name == origin.domain_name
        ):
            return balancer.addresses
    for instance in view.instances:
        if origin.endpoint.endswith(f"instance/{instance.id}"):
            return (instance.private_ip,)
    return ()
