"""Figures for Prometheus: what web and workers count, and what waits in the database at the moment of the question.

Every process writes its own files below ``METRICS_DIR``; whoever is asked adds them up.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator
from typing import Any, Final

from celery.signals import task_postrun, task_prerun
from django.conf import settings
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

HTTP_SECONDS: Final = Histogram(
    "isoline_http_request_seconds",
    "Time to answer a request.",
    ("method", "route", "status"),
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
TASK_SECONDS: Final = Histogram(
    "isoline_task_seconds",
    "Time a worker was at a task.",
    ("task",),
    buckets=(0.1, 0.3, 1, 3, 10, 30, 90, 300),
)
TASKS: Final = Counter("isoline_tasks", "Tasks that ended, by how Celery saw them end.", ("task", "outcome"))

_started: dict[str, float] = {}


@task_prerun.connect
def _note_start(task_id: str, **_: Any) -> None:
    _started[task_id] = time.perf_counter()


@task_postrun.connect
def _note_end(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    started = _started.pop(task_id, None)
    if started is not None:
        TASK_SECONDS.labels(task.name).observe(time.perf_counter() - started)
        TASKS.labels(task.name, (state or "unknown").lower()).inc()


class WaitingCollector(Collector):
    """What waits or is under way, how old the oldest of it is, and which workers are alive."""

    def collect(self) -> Iterator[Metric]:
        from diagnosis.models import Diagnosis, Explanation
        from diagnosis.operations import signs

        now = timezone.now()
        rows = GaugeMetricFamily("isoline_jobs", "Rows that have not ended.", labels=("kind", "state"))
        ages = GaugeMetricFamily("isoline_job_oldest_seconds", "Age of the oldest one.", labels=("kind", "state"))
        for kind, model in (("diagnosis", Diagnosis), ("explanation", Explanation)):
            open_states = [state for state in model.State.values if state not in model.ENDED]
            found = {
                row["state"]: row
                for row in model.objects.filter(state__in=open_states)
                .order_by()
                .values("state")
                .annotate(count=Count("pk"), oldest=Min("created_at"))
            }
            for state in open_states:
                row = found.get(state)
                rows.add_metric((kind, state), row["count"] if row else 0)
                ages.add_metric((kind, state), (now - row["oldest"]).total_seconds() if row else 0)
        yield rows
        yield ages
        workers = GaugeMetricFamily("isoline_workers_alive", "Workers seen within 45 seconds.", labels=("queue",))
        for queue in ("diagnose", "explain", "housekeeping"):
            workers.add_metric((queue,), len(signs.alive(queue)))
        yield workers


def registry() -> CollectorRegistry:
    """Everything counted by the processes of this machine, and what waits."""
    found = CollectorRegistry()
    MultiProcessCollector(found)
    found.register(WaitingCollector())
    return found


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever sends ``METRICS_TOKEN`` as bearer token, and for administrators; nothing here for anybody else."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    known = bool(settings.METRICS_TOKEN) and hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    user: Any = request.user
    if not known and not (user.is_authenticated and user.is_administrator):
        raise Http404
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)
