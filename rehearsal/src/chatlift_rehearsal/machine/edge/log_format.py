"""The lines of an access log.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
"""

from __future__ import annotations

from chatlift_rehearsal.edge import DistributionView
from chatlift_rehearsal.machine.edge.place import POP
from chatlift_rehearsal.machine.edge.text import block

LOG_FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header "
    "cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
    "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
    "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start "
    "sc-range-end"
)
_LOG = (
    "$log_date $log_time {pop} $bytes_sent $remote_addr $request_method {domain} $log_stem $status "
    "$log_referer $log_agent $log_query {cookie} $result $request_id $host $scheme "
    "$request_length $request_time $log_forwarded $log_tls $log_cipher $result "
    "$server_protocol - - $remote_port $log_first $result $log_type $log_length - -"
)
_LOGGED = {
    "referer": "$http_referer",
    "agent": "$http_user_agent",
    "cookie": "$http_cookie",
    "forwarded": "$http_x_forwarded_for",
    "tls": "$ssl_protocol",
    "cipher": "$ssl_cipher",
    "first": "$upstream_header_time",
    "type": "$sent_http_content_type",
    "length": "$sent_http_content_length",
}


def log_format(distribution: DistributionView) -> str:
    """The format of a line, for nginx: fields with tabs between them."""
    line = _LOG.format(
        pop=POP,
        domain=distribution.domain_name,
        cookie="$log_cookie" if distribution.log_cookies else "-",
    )
    return line.replace(" ", "\t")


def log_maps() -> list[str]:
    """Where the format's variables come from; what is empty is logged as a dash."""
    return [
        *(
            block(f"map {source} $log_{name}", ["default " + source, '"" "-"'])
            for name, source in _LOGGED.items()
        ),
        block("map $request_uri $log_stem", ['"~^(?<stem>[^?]*)" $stem']),
        block("map $request_uri $log_query", ["default -", '"~[?](?<search>.+)$" $search']),
        block("map $time_iso8601 $log_date", ["default -", '"~^(?<day>[^T]+)T" $day']),
        block("map $time_iso8601 $log_time", ["default -", '"~T(?<clock>[0-9:]+)" $clock']),
    ]
