"""Start the emulated API and be the controllers' way into it."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from ..authority import Authority
from ..model import CloudView, ImageView, MetricFigure, TargetHealth
from . import mends, metadata, reconcile, state
from .cloudwatch_minutes import Minutes
from .ec2_instances import Instance
from .gate import Gate
from .s3 import SOURCE_ARN
from .trouble import Trouble
from .view import cloud_view, live_instances

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "eu-central-1"
# How long stop() waits at most for the server to notice.
_POLL_SECONDS = 0.05
_log = logging.getLogger(__name__)


class MotoEmulator:
    """``model.Emulator`` on moto's backends. One a process: the backends are moto's globals."""

    def __init__(
        self, server: BaseWSGIServer, api: WSGIApplication, endpoint: str, region: str
    ) -> None:
        self.endpoint = endpoint
        self._server = server
        self._api = api
        self._backends = mends.Backends(DEFAULT_ACCOUNT_ID, region)
        self._minutes = Minutes()
        self._thread = threading.Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,), name="aws-api", daemon=True
        )
        self._thread.start()

    def view(self) -> CloudView:
        with state.lock:
            return cloud_view(self._backends)

    def instance_started(self, instance_id: str) -> None:
        with state.lock:
            self._instance(instance_id).body_started()

    def instance_died(self, instance_id: str) -> None:
        with state.lock:
            self._instance(instance_id).body_died()

    def instance_stopped(self, instance_id: str) -> None:
        with state.lock:
            self._instance(instance_id).body_stopped()

    def image_ready(self, image_id: str) -> None:
        with state.lock:
            self._backends.ec2.image_ready(image_id)

    def snapshot_ready(self, snapshot_id: str) -> None:
        with state.lock:
            self._backends.ec2.snapshot_ready(snapshot_id)

    def target_health(self, target_group: str, instance_id: str, health: TargetHealth) -> None:
        with state.lock:
            group = self._backends.elbv2.target_groups.get(target_group)
            if group and instance_id in group.targets:
                group.found[instance_id] = health

    def target_drained(self, target_group: str, instance_id: str) -> None:
        with state.lock:
            group = self._backends.elbv2.target_groups.get(target_group)
            if group:
                group.drained(instance_id)

    def metadata(self, source_address: str, path: str) -> str | None:
        with state.lock:
            instance = self._instance_at(source_address)
            if instance is None:
                return None
            found = self._backends.autoscaling.find_member(instance.id)
            state_to_reach = found[1].target_lifecycle_state if found else None
            return metadata.lookup(instance, state_to_reach, path)

    def bucket_origin(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        environ.pop("HTTP_AUTHORIZATION", None)  # CloudFront signs with its own name, or not at all
        if distribution := environ.pop("HTTP_X_DISTRIBUTION", ""):
            environ[SOURCE_ARN] = distribution
        return self._api(environ, start_response)

    def publish(self, figures: Iterable[MetricFigure]) -> None:
        with state.lock:
            for figure in figures:
                self._backends.cloudwatch.publish(
                    figure.namespace, figure.name, figure.dimensions, figure.value, figure.unit
                )

    def store(self, bucket: str, key: str, content: bytes) -> None:
        with state.lock:
            if bucket in self._backends.s3.buckets:
                self._backends.s3.put_object(bucket, key, content)

    def step(self) -> None:
        with state.lock:
            reconcile.step(self._backends.autoscaling, self._backends.elbv2)
            self._minutes.turn(self._backends)
            self._backends.cloudfront.step()
            for acm in self._backends.acm:
                for certificate in acm._certificates.values():
                    certificate.check()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with state.lock:
            mends.forget()

    def _instance_at(self, address: str) -> Instance | None:
        """The instance with this address, if it runs and may use the metadata service."""
        for instance in live_instances(self._backends.ec2):
            if instance.private_ip == address and instance.state != "stopped":
                enabled = instance.metadata_options.http_endpoint == "enabled"
                return instance if enabled else None
        return None

    def _instance(self, instance_id: str) -> Instance:
        instance: Instance = self._backends.ec2.get_instance(instance_id)
        return instance


class _QuietHandler(MotoRequestHandler):
    """Logs requests for those who ask for it, rather than writing each to standard error."""

    def log(self, type: str, message: str, *args: Any) -> None:
        _log.debug(message, *args)


def start(
    host: str,
    port: int,
    images: Iterable[ImageView] = (),
    region: str = REGION,
    minute: float = 60.0,
    authority: Authority | None = None,
) -> MotoEmulator:
    """Serve the API on ``host``:``port`` (0: a free port) in a thread of its own.

    ``images`` are the AMIs that exist from the start: the Debian base image, and those that
    an earlier session baked (their ``ImageView`` as that session's ``view()`` gave it).
    ``minute`` is how many seconds CloudWatch's minute takes.
    ``authority`` signs certificates; without one, they are signed by one of this session alone.
    Raises OSError when the address cannot be bound.
    """
    # Roles attach AWS's managed policies, which moto loads only when told to.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    with socket.create_server((host, port), backlog=128) as listener:
        bound_port = listener.getsockname()[1]
        with state.lock:
            state.minute = minute
            state.trouble = Trouble()
            mends.install(tuple(images), region, authority or Authority.create())
        api = DomainDispatcherApplication(create_backend_app)
        server = make_server(
            host,
            bound_port,
            Gate(api),
            threaded=True,
            request_handler=_QuietHandler,
            fd=listener.fileno(),  # werkzeug keeps a duplicate of its own
        )
    return MotoEmulator(server, api, f"http://{host}:{bound_port}", region)
