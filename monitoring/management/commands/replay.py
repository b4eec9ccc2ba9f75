"""`manage.py replay`: what past verdicts would have been with other settings, in the foreground, as a table or JSON."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from deployments.models import Environment, Project
from monitoring import services
from monitoring.accuracy import Score
from monitoring.changes import BEFORE, Changes
from monitoring.models import ReplayStatus
from monitoring.selectors.replays import MOST_DEPLOYMENTS, Line, ReplayReport, change_words, report_of

_NUMBERS = (
    ("least_change", "smaller relative changes do not matter: checkout_p95=0.2"),
    ("least_change_absolute", "smaller changes do not matter, in units; none takes it away"),
    ("hard_limit", "beyond it the deployment has failed; none takes it away"),
)
_FLAGS = (
    ("critical", "is_critical", True), ("not-critical", "is_critical", False), ("mute", "is_muted", True),
    ("unmute", "is_muted", False), ("must-have-data", "must_have_data", True),
    ("need-not-have-data", "must_have_data", False),
)  # fmt: skip


class Command(BaseCommand):
    """Judge the past verdicts of a project once more."""

    help = (
        f"Judge the newest {MOST_DEPLOYMENTS} deployments whose watch has ended once more, and show what would have "
        "been different. Nothing is changed by it; the replay is kept and can be seen on the project's page."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Define what can be changed."""
        parser.add_argument("project", metavar="PROJECT", help="its short name")
        parser.add_argument("--environment", metavar="NAME", help="only deployments to this one")
        parser.add_argument("--chance-limit", type=float, metavar="SHARE", help="0.0005 to 0.05; 0.008 is 0.8 %%")
        parser.add_argument("--settle-seconds", type=int, metavar="N")
        parser.add_argument("--baseline-seconds", type=int, metavar="N")
        parser.add_argument(
            "--reference",
            metavar="VERSION",
            help="compare with this version of --environment; before: with the hours before",
        )
        parser.add_argument("--as-configured", action="store_true", help="judge metrics as they are configured now")
        for name, text in _NUMBERS:
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, action="append", default=[], dest=name, metavar="METRIC=N", help=text)
        for option, _, _ in _FLAGS:
            parser.add_argument(f"--{option}", action="append", default=[], metavar="METRIC")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the replay to its end and print what came of it; CommandError (one sentence, exit 1) when it cannot."""
        project = _project(options["project"])
        environment = _environment(project, options["environment"])
        try:
            replay = services.request_replay(
                project=project,
                environment=environment,
                changes=_changes(project, environment, options),
                now=timezone.now(),
            )
        except ValidationError as error:
            raise CommandError(_sentence(error)) from None
        replay = services.run_whole_replay(replay=replay, clock=timezone.now)
        if replay.status != ReplayStatus.DONE:
            raise CommandError(replay.error or f"The replay was {replay.get_status_display().lower()}.")
        report = report_of(replay)
        self.stdout.write(_json(report) if options["json"] else "\n".join(_tables(report)))


def _sentence(error: ValidationError) -> str:
    """What was refused first, and of what."""
    name, sentences = next(iter(error.update_error_dict({}).items()))
    (text, *_) = ValidationError(sentences).messages
    is_named = name in ("chance_limit", "settle_seconds", "baseline_seconds", "reference")
    return f"--{name.replace('_', '-')}: {text}" if is_named else text


# --- what is asked ----------------------------------------------------------------------------------------------------


def _project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.values_list("slug", flat=True)[:10]) or "none yet"
        raise CommandError(f"There is no project {slug!r}. There are: {known}.")
    return project


def _environment(project: Project, name: str | None) -> Environment | None:
    if name is None:
        return None
    environment = project.environments.filter(name=name).first()
    if environment is None:
        known = ", ".join(project.environments.values_list("name", flat=True)[:10]) or "none yet"
        raise CommandError(f"There is no environment {name!r} in {project.slug}. There are: {known}.")
    return environment


def _reference(environment: Environment | None, version: str | None) -> str | None:
    """The id of the newest deployment of that version that went live; BEFORE and nothing stay what they are."""
    if version is None or version == BEFORE:
        return version
    if environment is None:
        raise CommandError("--reference wants --environment: a reference is of one alone.")
    found = environment.deployments.succeeded().filter(version=version).order_by("-finished_at").first()
    if found is None:
        raise CommandError(f"No {version!r} went live in {environment.name}.")
    return str(found.pk)


def _changes(project: Project, environment: Environment | None, options: dict[str, Any]) -> Changes:
    metrics: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, _ in _NUMBERS:
        for text in options[name]:
            key, number = _metric_number(name, text)
            metrics[key][name] = number
    for option, name, value in _FLAGS:
        for key in options[option.replace("-", "_")]:
            if metrics[key].get(name) not in (None, value):
                other = next(each for each, field, _ in _FLAGS if field == name)
                raise CommandError(f"--{other} and --{option} of {key}: which of them?")
            metrics[key][name] = value
    return Changes(
        chance_limit=options["chance_limit"],
        settle_seconds=options["settle_seconds"],
        baseline_seconds=options["baseline_seconds"],
        reference=_reference(environment, options["reference"]),
        metrics=dict(metrics),
        configured=services.configured_metrics(project) if options["as_configured"] else None,
    )


def _metric_number(name: str, text: str) -> tuple[str, float | None]:
    key, _, number = text.rpartition("=")
    try:
        return key, None if number == "none" else float(number)
    except ValueError:
        option = name.replace("_", "-")
        raise CommandError(f"--{option} wants a metric and a number, such as checkout_p95=0.2, not {text!r}.") from None


# --- what is said -----------------------------------------------------------------------------------------------------


def _tables(report: ReplayReport) -> Iterable[str]:
    replay = report.replay
    yield f"{report.headline}"
    yield f"Judged with: {'; '.join(change_words(Changes.from_json(replay.changes)))}. Rules {replay.rule_version}."
    yield ""
    yield from _table(("", "then", "now"), _scores(report))
    if report.changed:
        yield ""
        yield from _table(("version", "environment", "then", "now", ""), [_row(line) for line in report.changed])
    if report.problems:
        yield ""
        yield "Could not be judged once more:"
        yield from (f"  {_where(line)}: {line.row.problem}" for line in report.problems)
    if report.noted:
        yield ""
        yield "Not quite as asked:"
        yield from (f"  {_where(line)}: {line.row.note}" for line in report.noted)


def _where(line: Line) -> str:
    return f"{line.row.deployment.version} in {line.row.deployment.environment.name}"


def _scores(report: ReplayReport) -> list[tuple[str, str, str]]:
    counts: tuple[tuple[str, Callable[[Score], int]], ...] = (
        ("false alarms", lambda score: score.false_alarms),
        ("missed", lambda score: score.missed),
    )
    return [
        ("called worse", str(report.then_alarms), str(report.now_alarms)),
        ("alarms that were right", *report.precision),
        ("found of what was us", *report.recall),
        *((name, str(count(report.then)), str(count(report.now))) for name, count in counts),
    ]


def _row(line: Line) -> tuple[str, ...]:
    row = line.row
    place = row.deployment.environment.name
    return row.deployment.version, place, row.result_then or "none", row.result_now or "none", line.tells


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _json(report: ReplayReport) -> str:
    return json.dumps(
        {
            "replay": report.replay.pk,
            "changes": report.replay.changes,
            "rule_version": report.replay.rule_version,
            "then": _score(report.then, report.then_alarms),
            "now": _score(report.now, report.now_alarms),
            "deployments": [_deployment(line) for line in report.lines],
        },
        indent=2,
        ensure_ascii=False,
    )


def _score(score: Score, alarms: int) -> dict[str, Any]:
    shares = {"precision": score.precision, "recall": score.recall}
    return {
        "called_worse": alarms,
        **{
            name: {
                "hits": share.hits, "of": share.of, "is_enough": share.is_enough, "value": share.value,
                "interval": list(share.interval),
            }
            for name, share in shares.items()
        },
    }  # fmt: skip


def _deployment(line: Line) -> dict[str, Any]:
    row = line.row
    return {
        "deployment": str(row.deployment_id),
        "version": row.deployment.version,
        "environment": row.deployment.environment.name,
        "then": row.result_then.lower() or None,
        "now": None if row.problem else row.result_now.lower() or None,
        "rule_version_then": row.rule_version,
        "ruling": line.ruling.kind.lower() if line.ruling else None,
        "differences": row.differences,
        "note": row.note,
        "problem": row.problem,
    }
