"""How to connect each kind of sender: what to paste, with this installation's address and the project's environment."""

import json
from dataclasses import dataclass

from django.conf import settings
from django.utils.text import slugify

from deployments.models import Environment, Project
from monitoring.models import SourceKind

TOKEN = "$POSTDEPLOY_TOKEN"  # noqa: S105 # the name of a variable


@dataclass(frozen=True)
class WayIn:
    """One way for samples to come: its kind, a name, a sentence, and what to paste."""

    kind: SourceKind
    name: str
    sentence: str
    code: str

    @property
    def slug(self) -> str:
        """What its code is called on the page."""
        return f"connect-{slugify(self.name)}"


def ways_in(project: Project, environment: Environment | None) -> list[WayIn]:
    """Return how to send samples of `environment` (or one named production), by each way in."""
    site, name = settings.SITE_URL, environment.name if environment else "production"
    return [
        WayIn(
            SourceKind.REMOTE_WRITE,
            "Prometheus",
            "Remote write, in prometheus.yml. The environment is an external label, or ?environment= in the address.",
            _prometheus(site, name),
        ),
        WayIn(
            SourceKind.OTLP,
            "OpenTelemetry SDK",
            "The exporter otlphttp, by environment variables; protobuf and JSON, gzip or not.",
            _sdk(site, name),
        ),
        WayIn(
            SourceKind.OTLP,
            "OpenTelemetry Collector",
            "In its configuration. The environment is the resource attribute deployment.environment.name.",
            _collector(site, name),
        ),
        WayIn(
            SourceKind.PUSHGATEWAY,
            "prometheus-client",
            "A job pushes when it ends, as to a Pushgateway: its password is the token.",
            _client(site, name),
        ),
        WayIn(
            SourceKind.JSON,
            "JSON",
            "Rows for a few numbers; for many, columns with a dictionary of series and times in milliseconds.",
            _json(site, project, name),
        ),
    ]


def _prometheus(site: str, environment: str) -> str:
    return (
        "global:\n"
        f"  external_labels: {{environment: {json.dumps(environment)}}}\n"
        "remote_write:\n"
        f"  - url: {site}/api/v1/prometheus/write\n"
        f"    authorization: {{credentials: {TOKEN}}}\n"
        "    write_relabel_configs:  # what is worth keeping here\n"
        '      - {source_labels: [__name__], regex: "up|http_.*|node_(cpu|load|network|memory).*", action: keep}\n'
    )


def _sdk(site: str, environment: str) -> str:
    return (
        f"export OTEL_EXPORTER_OTLP_METRICS_ENDPOINT={site}/api/v1/otlp/v1/metrics\n"
        "export OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf\n"
        f'export OTEL_EXPORTER_OTLP_METRICS_HEADERS="authorization=Bearer%20{TOKEN}"\n'
        "export OTEL_EXPORTER_OTLP_METRICS_COMPRESSION=gzip\n"
        f'export OTEL_RESOURCE_ATTRIBUTES="service.name=web,deployment.environment.name={environment}"\n'
    )


def _collector(site: str, environment: str) -> str:
    return (
        "exporters:\n"
        "  otlphttp/postdeploy:\n"
        f"    metrics_endpoint: {site}/api/v1/otlp/v1/metrics\n"
        f'    headers: {{authorization: "Bearer {TOKEN}"}}\n'
        "processors:\n"
        "  resource/postdeploy:\n"
        "    attributes:\n"
        f"      - {{key: deployment.environment.name, value: {json.dumps(environment)}, action: insert}}\n"
        "service:\n"
        "  pipelines:\n"
        "    metrics/postdeploy:\n"
        "      receivers: [otlp]\n"
        "      processors: [resource/postdeploy]\n"
        "      exporters: [otlphttp/postdeploy]\n"
    )


def _client(site: str, environment: str) -> str:
    return (
        "import os\n"
        "from prometheus_client import CollectorRegistry, Gauge, push_to_gateway\n"
        "from prometheus_client.exposition import basic_auth_handler\n\n"
        "def sign_in(url, method, timeout, headers, data):\n"
        f'    token = os.environ["{TOKEN[1:]}"]\n'
        '    return basic_auth_handler(url, method, timeout, headers, data, "token", token)\n\n'
        "registry = CollectorRegistry()\n"
        'Gauge("rows_imported", "Rows of the nightly import", registry=registry).set(1234)\n'
        f'push_to_gateway("{site}/api/v1/push/{environment}", job="import", registry=registry, handler=sign_in)\n'
    )


def _json(site: str, project: Project, environment: str) -> str:
    where = {"project": project.slug, "environment": environment}
    samples = [{"metric": "orders", "value": 12, "labels": {"shop": "de"}}]
    return (
        f"curl -fsS {site}/api/v1/metrics \\\n"
        f'  -H "Authorization: Bearer {TOKEN}" -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps({**where, 'samples': samples}, ensure_ascii=False)}'\n"
    )
