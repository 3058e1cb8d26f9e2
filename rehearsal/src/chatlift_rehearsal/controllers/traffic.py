"""What a load balancer tells CloudWatch of its traffic, from what its proxy counts.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from chatlift_rehearsal.controllers.load_balancers import Layout
from chatlift_rehearsal.model import MetricFigure, arn_suffix

NAMESPACE = "AWS/ApplicationELB"

Row = Mapping[str, str]
"""One row of HAProxy's ``show stat``: https://docs.haproxy.org/2.6/management.html#9.1"""


@dataclass
class _Counts:
    """What happened since the last look; ``seconds`` are those that answers took, added up."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0


@dataclass
class Traffic:
    """The traffic of one load balancer, look by look."""

    _seen: dict[tuple[str, ...], int] = field(default_factory=dict)

    def look(self, layout: Layout, rows: Iterable[tuple[int, Row]]) -> list[MetricFigure]:
        """The figures since the last look, from the rows of each worker, given by its number.

        As with AWS, what did not happen has no figure.
        """
        named = {backend.name: arn_suffix(backend.arn) for backend in layout.backends}
        of_groups = {name: _Counts() for name in named}
        answered_5xx = open_now = 0
        seen: dict[tuple[str, ...], int] = {}
        for worker, row in rows:
            proxy, server = row["# pxname"], row["svname"]

            def more(column: str, key: tuple[str, ...], row: Row = row) -> int:
                """How much a counter has grown. A worker begins with 0, and so does a server."""
                value = seen[(*key, column)] = int(row[column] or 0)
                before = self._seen.get((*key, column), 0)
                return value - before if value >= before else value

            key = (str(worker), proxy, server)
            if server == "FRONTEND":
                answered_5xx += more("hrsp_5xx", key)
                open_now += int(row["scur"] or 0)
            elif server != "BACKEND" and proxy in of_groups:
                counts, requests = of_groups[proxy], more("stot", key)
                counts.requests += requests
                counts.errors += more("hrsp_5xx", key)
                counts.seconds += requests * int(row["rtime"] or 0) / 1000
        self._seen = seen
        own = answered_5xx - sum(counts.errors for counts in of_groups.values())
        balancer = arn_suffix(layout.balancer.arn)
        return list(_figures(balancer, named, of_groups, max(own, 0), open_now))


def _figures(
    balancer: str,
    named: Mapping[str, str],
    of_groups: Mapping[str, _Counts],
    own_errors: int,
    open_now: int,
) -> Iterator[MetricFigure]:
    whole = {"LoadBalancer": balancer}
    for name, counts in of_groups.items():
        for dimensions in (whole, {"TargetGroup": named[name], **whole}):
            if counts.requests:
                yield MetricFigure(NAMESPACE, "RequestCount", dimensions, counts.requests)
                mean = counts.seconds / counts.requests
                yield MetricFigure(NAMESPACE, "TargetResponseTime", dimensions, mean, "Seconds")
            if counts.errors:
                yield MetricFigure(
                    NAMESPACE, "HTTPCode_Target_5XX_Count", dimensions, counts.errors
                )
    if own_errors:
        yield MetricFigure(NAMESPACE, "HTTPCode_ELB_5XX_Count", whole, own_errors)
    if open_now:
        yield MetricFigure(NAMESPACE, "ActiveConnectionCount", whole, open_now)
