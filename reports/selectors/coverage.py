"""What is not watched: it counts as unknown, and is said."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.models import Environment, Project
from monitoring.models import CheckState, HealthCheck
from reports import links


@dataclass(frozen=True)
class Gap:
    """Something that is not watched, and why."""

    subject: str
    url: str
    why: str
    environment: str


def coverage(project: Project, environments: Sequence[Environment], checks: Sequence[HealthCheck]) -> list[Gap]:
    """Return what counts as unknown: environments without a check, checks that are paused or were never read."""
    names = {environment.pk: environment.name for environment in environments}
    gaps = []
    for environment in environments:
        if not any(check.environment_id == environment.pk for check in checks):
            url = links.checks(project.slug, environment=environment.name)
            gaps.append(Gap(environment.name, url, "It has no check, so nothing of it is watched.", environment.name))
    for check in checks:
        if why := _why_unknown(check):
            gaps.append(
                Gap(check.name, links.Target("check", project.slug, check.pk).url, why, names[check.environment_id])
            )
    return gaps


def _why_unknown(check: HealthCheck) -> str:
    if check.paused_at:
        return "The check is paused."
    if check.first_reading_at is None:
        return "The check has not been read yet."
    if check.state == CheckState.UNKNOWN:
        return f"Its state is not known: {check.latest_detail or 'too few readings agree'}."
    return ""
