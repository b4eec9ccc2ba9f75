"""PURE: the metrics that the post-deployment process names, and the names under which they arrive.

Sources of the names: OpenTelemetry's semantic conventions (http, system, process, container, messaging), Prometheus'
node_exporter, cAdvisor and blackbox_exporter, and the client libraries of Python, Java (Micrometer), Go and Node.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alias:
    """A name under which a metric of the catalogue arrives.

    `unit` is the one its source documents; `only` and `unless` are labels that it must or must not have. A `mean` is
    the quotient of `<name>_sum` and `<name>_count`: the average of a histogram or summary.
    """

    name: str
    unit: str = ""
    is_counter: bool = False
    is_mean: bool = False
    only: tuple[tuple[str, str], ...] = ()
    unless: tuple[tuple[str, str], ...] = ()

    @property
    def is_choosy(self) -> bool:
        """True when only some of the series of its name are meant."""
        return bool(self.only or self.unless)

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series with these labels is what the metric means."""
        return all(labels.get(key) == value for key, value in self.only) and not any(
            labels.get(key) == value for key, value in self.unless
        )


@dataclass(frozen=True, slots=True)
class Known:
    """One metric of the catalogue: what it is, which way is worse, how it is measured. Words as in the database.

    `covers` are the process's own words for it; `least_change` is relative, `least_change_absolute` in units.
    """

    key: str
    name: str
    unit: str
    kind: str
    category: str
    bad_direction: str
    covers: tuple[str, ...]
    how: str
    least_change: float = 0.1
    least_change_absolute: float | None = None
    aliases: tuple[Alias, ...] = ()


def _means(unit: str, *names: str) -> tuple[Alias, ...]:
    return tuple(Alias(name, unit, is_mean=True) for name in names)


def _counters(unit: str, *names: str) -> tuple[Alias, ...]:
    return tuple(Alias(name, unit, is_counter=True) for name in names)


def _gauges(unit: str, *names: str) -> tuple[Alias, ...]:
    return tuple(Alias(name, unit) for name in names)


#: Modes in which a processor does nothing for us.
_IDLE = (("mode", "idle"), ("mode", "iowait"))
_OTEL_IDLE = (("cpu.mode", "idle"), ("state", "idle"), ("cpu.mode", "iowait"), ("state", "wait"))
_USED = (("system.memory.state", "used"),)
_OLD_USED = (("state", "used"),)

TECHNICAL = (
    Known(
        "service_status", "Service status", "%", "RATIO", "TECHNICAL", "DOWN",
        ("Service status",),
        "Every check measures it. From elsewhere: send 100 while the service answers and 0 while it does not.",
        0.001, 0.5,
        (*_gauges("1", "up", "probe_success"), *_gauges("%", "service.status")),
    ),
    Known(
        "response_time", "Response time", "ms", "LATENCY", "TECHNICAL", "UP",
        ("Response time", "Response times", "Performance metrics"),
        "The time from request to answer: each check measures it from outside, the server's own histogram from inside.",
        0.1, 5.0,
        (
            *_means("s", "http.server.request.duration", "http_server_request_duration_seconds"),
            *_means("s", "http_request_duration_seconds", "http_server_requests_seconds"),
            *_means("s", "flask_http_request_duration_seconds"),
            *_means("s", "django_http_requests_latency_seconds_by_view_method"),
            *_means("ms", "http.server.duration", "http_server_duration_milliseconds", "http_request_duration_ms"),
            *_gauges("s", "probe_duration_seconds", "probe_http_duration_seconds"),
        ),
    ),
    Known(
        "cpu_usage", "CPU usage", "%", "CPU", "TECHNICAL", "UP",
        ("CPU usage", "Resource usage", "Resource utilization"),
        "Busy time of the processors in percent, from the operating system or the container.",
        0.1, 2.0,
        (
            Alias("system.cpu.utilization", "1", unless=_OTEL_IDLE),
            Alias("system.cpu.time", "1", is_counter=True, unless=_OTEL_IDLE),
            Alias("node_cpu_seconds_total", "1", is_counter=True, unless=_IDLE),
            *_gauges("1", "process.cpu.utilization", "process_cpu_usage", "container.cpu.usage"),
            *_counters("1", "process.cpu.time", "process_cpu_seconds_total", "container_cpu_usage_seconds_total"),
        ),
    ),
    Known(
        "memory_usage", "Memory usage", "bytes", "OTHER", "TECHNICAL", "UP",
        ("Memory usage", "Resource usage", "Resource utilization"),
        "Memory in use: resident memory of the process, or used memory of the machine.",
        0.1, None,
        (
            Alias("system.memory.usage", "bytes", only=_USED),
            Alias("system.memory.usage", "bytes", only=_OLD_USED),
            *_gauges("bytes", "process.memory.usage", "process_resident_memory_bytes", "container.memory.usage"),
            *_gauges("bytes", "container_memory_working_set_bytes", "jvm.memory.used", "jvm_memory_used_bytes"),
        ),
    ),
    Known(
        "network_traffic", "Network traffic", "bytes", "THROUGHPUT", "TECHNICAL", "BOTH",
        ("Network traffic",),
        "Bytes in and out, as a counter: shown as bytes per second.",
        0.3, None,
        (
            *_counters("bytes", "system.network.io", "container.network.io", "process.network.io"),
            *_counters("bytes", "node_network_receive_bytes_total", "node_network_transmit_bytes_total"),
            *_counters("bytes", "container_network_receive_bytes_total", "container_network_transmit_bytes_total"),
        ),
    ),
    Known(
        "system_load", "System load", "", "CPU", "TECHNICAL", "UP",
        ("System load",),
        "Processes that run or wait for a processor, averaged over a minute.",
        0.2, 0.2,
        _gauges("", "node_load1", "system.cpu.load_average.1m", "system_load_average_1m"),
    ),
    Known(
        "disk_usage", "Disk usage", "bytes", "OTHER", "TECHNICAL", "UP",
        ("Resource usage", "Resource utilization"),
        "Bytes in use of a file system; its size as capacity limit tells when it is full.",
        0.05, None,
        (
            Alias("system.filesystem.usage", "bytes", only=(("system.filesystem.state", "used"),)),
            Alias("system.filesystem.usage", "bytes", only=_OLD_USED),
            *_gauges("bytes", "container_fs_usage_bytes"),
        ),
    ),
    Known(
        "saturation", "Saturation", "%", "RATIO", "TECHNICAL", "UP",
        ("Bottlenecks",),
        "How full the narrowest part is: worker threads, connections of the database pool, disk time.",
        0.1, 2.0,
        (
            *_gauges("1", "system.filesystem.utilization", "system.memory.utilization", "jvm.thread.utilization"),
            *_counters("1", "node_disk_io_time_seconds_total"),
        ),
    ),
)  # fmt: skip

APPLICATION = (
    Known(
        "transaction_rate", "Transaction rate", "", "THROUGHPUT", "APPLICATION", "DOWN",
        ("Transaction rate", "Transaction volume"),
        "Requests or transactions per second, best sent as a counter.",
        0.2, None,
        (
            *_counters("", "http_requests_total", "http_server_requests_total", "http.server.requests"),
            *_counters("", "flask_http_request_total", "django_http_requests_total_by_method_total"),
            *_counters("", "nginx_http_requests_total", "rpc.server.requests", "grpc_server_handled_total"),
        ),
    ),
    Known(
        "error_rate", "Error rate", "%", "ERROR_RATE", "APPLICATION", "UP",
        ("Error rate", "Error rates"),
        "Failed requests of all requests in percent; as two counters it is their quotient.",
        0.1, 0.1,
        _gauges("1", "http.server.error_rate", "http_error_rate", "error_ratio"),
    ),
    Known(
        "error_frequency", "Error frequency", "", "ERROR_COUNT", "APPLICATION", "UP",
        ("Error frequency",),
        "Errors and exceptions, best sent as a counter: shown per second.",
        0.2, None,
        (
            *_counters("", "http.server.errors", "errors_total", "http_errors_total", "exceptions_total"),
            *_counters("", "django_http_exceptions_total_by_type_total", "flask_http_request_exceptions_total"),
            *_counters("", "logback_events_total", "log_messages_total"),
        ),
    ),
    Known(
        "cache_hits", "Cache hits", "%", "RATIO", "APPLICATION", "DOWN",
        ("Cache hits",),
        "Reads that the cache answered, of all reads, in percent.",
        0.05, 1.0,
        (
            *_gauges("1", "cache_hit_ratio", "cache.hit_ratio", "redis_keyspace_hit_ratio", "varnish_cache_hit_ratio"),
        ),
    ),
    Known(
        "queue_length", "Queue length", "", "OTHER", "APPLICATION", "UP",
        ("Queue length", "Bottlenecks"),
        "Jobs or messages that wait.",
        0.2, 5.0,
        (
            *_gauges("", "queue.length", "messaging.queue.size", "messaging.client.queue.size", "celery_queue_length"),
            *_gauges("", "rabbitmq_queue_messages_ready", "rq_queue_length", "sidekiq_queue_size", "job_queue_length"),
        ),
    ),
)  # fmt: skip

PROCESS = (
    Known(
        "completion_time", "Completion time", "s", "LATENCY", "PROCESS", "UP",
        ("Completion time", "Process efficiency", "Process tracking"),
        "From the first step of the business process to its last, such as from cart to confirmed order.",
        0.1, None,
        (*_means("s", "process.completion.duration", "process_completion_seconds", "workflow.duration"),),
    ),
    Known(
        "success_rate", "Success rate", "%", "RATIO", "PROCESS", "DOWN",
        ("Success rate",),
        "Process runs that ended well, of all that ended, in percent.",
        0.02, 0.5,
        (*_gauges("1", "process.success_rate", "process_success_ratio"),),
    ),
    Known(
        "process_errors", "Process errors", "", "ERROR_COUNT", "PROCESS", "UP",
        ("Error rate of the process", "Process issues"),
        "Process runs that failed: declined payments, orders sent back, rejected imports.",
        0.2, None,
        (*_counters("", "process.errors", "process_errors_total", "workflow.failures"),),
    ),
    Known(
        "volume", "Volume handled", "", "BUSINESS_COUNT", "PROCESS", "DOWN",
        ("Volume handled", "Transaction volume"),
        "Business transactions of each minute or hour, such as orders.",
        0.2, None,
        (*_counters("", "process.completed", "process_completed_total", "orders_total", "orders.placed"),),
    ),
    Known(
        "process_flow", "Process flow", "%", "RATIO", "PROCESS", "DOWN",
        ("Process flow",),
        "A multi-step check walks through the process; from elsewhere: runs that reach the last step, in percent.",
        0.05, 1.0,
        (*_gauges("1", "process.flow.completion", "process_flow_ratio"),),
    ),
    Known(
        "data_accuracy", "Data accuracy", "%", "RATIO", "PROCESS", "DOWN",
        ("Data accuracy",),
        "A reconciliation check compares two numbers; from elsewhere: records that agree, in percent.",
        0.001, 0.1,
        (*_gauges("1", "data.accuracy", "data_accuracy_ratio"),),
    ),
    Known(
        "process_efficiency", "Process efficiency", "", "BUSINESS_COUNT", "PROCESS", "DOWN",
        ("Process efficiency",),
        "Results for each hour of work or for each euro, such as orders picked an hour.",
        0.1, None,
        (*_gauges("", "process.efficiency"),),
    ),
)  # fmt: skip

USER = (
    Known(
        "user_activity", "User activity", "", "BUSINESS_COUNT", "USER", "DOWN",
        ("User activity",),
        "People who are active: sessions, sign-ins or visits of each minute.",
        0.2, None,
        (*_gauges("", "users.active", "active_users", "active_sessions", "sessions.active"),),
    ),
    Known(
        "adoption_rate", "Adoption rate", "%", "RATIO", "USER", "DOWN",
        ("Adoption rate", "User adoption"),
        "People who use what is new, of those who could, in percent.",
        0.1, 1.0,
        (*_gauges("1", "feature.adoption", "feature_adoption_ratio"),),
    ),
    Known(
        "satisfaction", "Satisfaction", "", "OTHER", "USER", "DOWN",
        ("Satisfaction", "User feedback"),
        "What people answer when they are asked: stars, CSAT, NPS.",
        0.05, None,
        (*_gauges("", "csat", "nps", "user.satisfaction", "app.rating", "apdex"),),
    ),
    Known(
        "productivity", "Productivity", "", "BUSINESS_COUNT", "USER", "DOWN",
        ("Productivity",),
        "What one person gets done in an hour, such as cases closed.",
        0.1, None,
        (*_gauges("", "user.productivity"),),
    ),
    Known(
        "support_requests", "Support requests", "", "BUSINESS_COUNT", "USER", "UP",
        ("Support needs", "Support volume"),
        "Questions and complaints that reach support, each hour or day.",
        0.2, None,
        (*_counters("", "support.requests", "support_requests_total", "support_tickets_total"),),
    ),
)  # fmt: skip

#: The process's four groups, in its order.
CATALOGUE = (*TECHNICAL, *APPLICATION, *PROCESS, *USER)
BY_KEY = {known.key: known for known in CATALOGUE}
