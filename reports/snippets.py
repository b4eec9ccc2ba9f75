"""The lines to paste that empty pages show, with this installation's real address."""

import json

from django.conf import settings


def report_line(project: str, environment: str = "production") -> str:
    """Return the line that reports a deployment of `project` from a pipeline."""
    body = {"project": project, "environment": environment, "version": "1.0.0", "status": "succeeded"}
    return (
        f"curl -fsS -X POST {settings.SITE_URL}/api/v1/deployments \\\n"
        '  -H "Authorization: Bearer $POSTDEPLOY_TOKEN" -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(body)}'"
    )


def summary_line(deployment: object) -> str:
    """Return the line that fetches a deployment's summary."""
    return (
        f"curl -fsS {settings.SITE_URL}/api/v1/deployments/{deployment}/summary.md \\\n"
        '  -H "Authorization: Bearer $POSTDEPLOY_TOKEN"'
    )
