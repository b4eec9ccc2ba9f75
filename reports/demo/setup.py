"""Makes the demo's project as a maintainer would, and removes it without trace. What happens in it comes by the API."""

import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from deployments.models import ApiToken, Environment, Project, Scope, User
from deployments.services import confirm_environment, create_project, create_token, ensure_environment
from monitoring.models import HealthCheck
from monitoring.selectors import ping_url
from monitoring.services import save_check, save_objective, save_policy, save_rule
from postdeploy.idempotency import forget_owner
from reports.demo.service import EXPORT_SECONDS
from reports.demo.state import DemoState, remove_state, write_state
from support.models import ChannelKind, Track
from support.services import add_channel, ensure_tiers, save_tier, set_members

SLUG = "demo"
MAILBOX = "demo-on-call@example.org"

#: Everything happens within three minutes; a real policy counts in hours.
POLICY = {
    "initial_seconds": 30,
    "extended_seconds": 45,
    "initial_interval_seconds": 2,
    "extended_interval_seconds": 2,
    "settle_seconds": 2,
    "baseline_seconds": 600,
}
TIER_CLOCKS = {1: 30, 2: 600, 3: 3600}


@dataclass(frozen=True)
class DemoCheck:
    """One check of the shop."""

    name: str
    path: str
    is_critical: bool
    component: str


CHECKS = (
    DemoCheck("Shop health", "/health", True, "web"),
    DemoCheck("Checkout", "/checkout", True, "checkout"),
    DemoCheck("Search", "/search", False, "catalogue"),
)


PURCHASE = """### Fill the cart
POST SHOP/cart
Content-Type: application/json

{"item": 4711}
expect status is 201
capture cart = json cart

### Check out
POST SHOP/cart/{{cart}}/checkout
expect json status == "paid"
"""


@transaction.atomic
def create_demo(*, owner: User, var: Path, now: datetime) -> DemoState:
    """Make the project, its checks, tiers and channels, and the file its processes run by."""
    project = create_project(name="Demo shop", slug=SLUG, issue_prefix="DEMO", owner=owner, now=now)
    environment = ensure_environment(project=project, name="production", now=now)
    confirm_environment(environment=environment, tier=environment.tier, url="", now=now)
    save_policy(environment=environment, now=now, **POLICY)
    _, token = create_token(
        project=project,
        name="Demo pipeline",
        scopes=[Scope.DEPLOYMENTS_WRITE, Scope.DEPLOYMENTS_READ],
        created_by=owner,
        now=now,
    )
    # This process read its settings before there was a demo.
    settings.PROBE_NETWORKS = sorted({*settings.PROBE_NETWORKS, settings.DEMO_NETWORK})
    job = _add_job(environment, now)
    state = DemoState(project=SLUG, port=free_port(), token=token, ping_path=urlsplit(ping_url(job) or "").path)
    _add_checks(environment, state, now)
    _add_processes(environment, state, now)
    _add_alerts(environment, now)
    _add_support(project, owner, state, now)
    write_state(var, state)
    return state


def _add_checks(environment: Environment, state: DemoState, now: datetime) -> None:
    for check in CHECKS:
        save_check(
            environment=environment,
            now=now,
            name=check.name,
            url=state.shop_url + check.path,
            component=check.component,
            conditions='status in 200-299\njson status == "ok"',
            timeout_ms=2000,
            interval_seconds=2,
            failure_threshold=3,
            is_critical=check.is_critical,
        )


def _add_job(environment: Environment, now: datetime) -> HealthCheck:
    return save_check(
        environment=environment,
        now=now,
        name="Order export",
        kind="HEARTBEAT",
        component="catalogue",
        options={"period_seconds": EXPORT_SECONDS, "grace_seconds": 3 * EXPORT_SECONDS},
        interval_seconds=5,
        failure_threshold=1,
        is_critical=False,
    )


def _add_processes(environment: Environment, state: DemoState, now: datetime) -> None:
    """A purchase from end to end, and whether what was sold was also paid."""
    sides = {"left": ("Orders", "orders"), "right": ("Payments", "payments")}
    books = {
        side: {"name": name, "url": f"{state.shop_url}/books", "path": path} for side, (name, path) in sides.items()
    }
    for name, kind, options, conditions in (
        ("Purchase", "FLOW", {"steps": PURCHASE.replace("SHOP", state.shop_url)}, "time < 3 s"),
        ("Orders and payments", "RECONCILIATION", books, "difference <= 5"),
    ):
        save_check(
            environment=environment,
            now=now,
            name=name,
            kind=kind,
            component="checkout",
            options=options,
            conditions=conditions,
            timeout_ms=4000,
            interval_seconds=5,
            failure_threshold=3,
            is_critical=False,
        )


def _add_alerts(environment: Environment, now: datetime) -> None:
    """A rule that the slow version breaks, and a promise whose budget its failures spend."""
    checks = {check.name: check for check in HealthCheck.objects.filter(environment=environment)}
    save_rule(
        project=environment.project,
        now=now,
        name="Search answers slowly",
        aspect="response_time",
        health_check=checks["Search"],
        aggregate="P95",
        window_seconds=30,
        threshold=250.0,
        clear_threshold=150.0,
        hold_seconds=10,
        severity="MINOR",
    )
    save_objective(
        environment=environment,
        now=now,
        name="Checkout answers",
        health_check=checks["Checkout"],
        target_percent=95.0,
        window_days=1,
    )


def _add_support(project: Project, owner: User, state: DemoState, now: datetime) -> None:
    for tier in ensure_tiers(project):
        if tier.track == Track.TECHNICAL:
            save_tier(tier, clock_seconds=TIER_CLOCKS[tier.level])
            set_members(tier, users=[owner])
    add_channel(project=project, kind=ChannelKind.EMAIL, name="On-call mailbox", address=MAILBOX, now=now)
    add_channel(
        project=project, kind=ChannelKind.WEBHOOK, name="Chat bridge", address=f"{state.shop_url}/hooks", now=now
    )


def remove_demo(*, var: Path) -> bool:
    """Remove the project with all that hangs on it, its mails and files; False when there was no demo."""
    project = Project.objects.filter(slug=SLUG).first()
    remove_state(var)
    (var / "demo.version").unlink(missing_ok=True)
    _remove_mails(Path(settings.EMAIL_FILE_PATH))
    if project is None:
        return False
    with transaction.atomic():
        for token in ApiToken.objects.of(project):
            forget_owner(token.digest)
        project.delete()
    return True


def _remove_mails(directory: Path) -> None:
    for file in directory.glob("*.log"):
        if MAILBOX.encode() in file.read_bytes():
            file.unlink()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
