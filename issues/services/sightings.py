"""What was seen, in the words of the issue log: built from an outage, a finding or an alert, before it is written."""

from dataclasses import dataclass
from datetime import datetime

from deployments.models import Deployment, Environment, Project
from issues import process
from issues.models import OccurrenceSource
from issues.selectors import watched_deployment
from monitoring.models import Alert, Finding, HealthCheck, Outage
from postdeploy.lib import words


@dataclass(frozen=True)
class Sighting:
    """One sighting of a problem. `began_at` decides whether it contradicts a resolution."""

    project: Project
    environment: Environment
    fingerprint: str
    source: OccurrenceSource
    began_at: datetime
    occurred_at: datetime
    title: str
    detail: str
    impact: str
    severity: str
    deployment: Deployment | None
    finding: Finding | None = None
    outage: Outage | None = None
    alert: Alert | None = None

    @property
    def why_deployment(self) -> str:
        """The attribution in words, or empty: "Thought to come from v1.42.0: it began 4 min after …"."""
        if self.deployment is None:
            return ""
        return f"Thought to come from {self.deployment.version}: {distance(self.deployment, self.occurred_at)}."


def distance(deployment: Deployment, at: datetime) -> str:
    """Return how far `at` is from the end of the deployment: "it was seen 2 min 40 s after the deployment finished"."""
    if deployment.finished_at is None:
        return "the deployment was under way"
    seconds = (at - deployment.finished_at).total_seconds()
    if seconds < 0:
        return f"it was seen {words.duration(-seconds)} before the deployment finished"
    return f"it was seen {words.duration(seconds)} after the deployment finished"


def fingerprint_of_check(check: HealthCheck) -> str:
    """Return the one fingerprint of all that a check shows: its outages, its failures and its response time."""
    return f"environment:{check.environment_id}/check:{check.pk}"


def sighting_of_outage(outage: Outage) -> Sighting:
    """Describe a confirmed outage."""
    check = outage.health_check
    environment = check.environment
    deployment = watched_deployment(environment, began_at=outage.began_at, seen_at=outage.confirmed_at)
    return Sighting(
        project=environment.project,
        environment=environment,
        fingerprint=fingerprint_of_check(check),
        source=OccurrenceSource.OUTAGE,
        began_at=outage.began_at,
        occurred_at=outage.began_at,
        title=process.headline(f"{check.name} is down in {environment.name}", fallback=check.name),
        detail=f"{check.name} is down: {outage.cause}",
        impact=process.impact_of_outage(
            check=check.name,
            environment=environment.name,
            is_critical=check.is_critical,
            since=words.exact(outage.began_at),
            version=deployment.version if deployment else None,
        ),
        severity=process.severity_of_outage(is_critical=check.is_critical, environment_tier=environment.tier),
        deployment=deployment,
        outage=outage,
    )


def sighting_of_finding(finding: Finding) -> Sighting:
    """Describe a regression that a final verdict found."""
    period = finding.verdict.period
    environment, deployment = period.environment, period.deployment
    check = finding.health_check or (finding.series.health_check if finding.series else None)
    return Sighting(
        project=environment.project,
        environment=environment,
        fingerprint=fingerprint_of_check(check) if check else f"environment:{environment.pk}/{finding.key}",
        source=OccurrenceSource.FINDING,
        began_at=period.opens_at,
        occurred_at=finding.verdict.looked_at,
        title=process.headline(finding.sentence, fallback=f"{finding.name} got worse", name=finding.name),
        detail=finding.sentence,
        impact=process.impact_of_finding(
            name=finding.name,
            environment=environment.name,
            is_critical=finding.is_critical,
            verdict=finding.verdict.result or "",
            version=deployment.version,
        ),
        severity=process.severity_of_finding(
            is_critical=finding.is_critical,
            verdict=finding.verdict.result or "",
            environment_tier=environment.tier,
        ),
        deployment=deployment,
        finding=finding,
    )


def sighting_of_alert(alert: Alert) -> Sighting:
    """Describe a firing of an alert rule; all firings about the same thing belong to one issue."""
    environment, fired_at = alert.environment, alert.fired_at or alert.began_at
    deployment = watched_deployment(environment, began_at=alert.began_at, seen_at=fired_at)
    return Sighting(
        project=environment.project,
        environment=environment,
        fingerprint=f"environment:{environment.pk}/rule:{alert.rule_id}/{alert.key}",
        source=OccurrenceSource.ALERT,
        began_at=alert.began_at,
        occurred_at=alert.began_at,
        title=process.headline(f"{alert.rule.name}: {alert.detail}", fallback=alert.rule.name),
        detail=alert.detail,
        impact=process.impact_of_alert(
            rule=alert.rule.name,
            environment=environment.name,
            since=words.exact(alert.began_at),
            version=deployment.version if deployment else None,
        ),
        severity=alert.severity,
        deployment=deployment,
        alert=alert,
    )
