"""Which pages the browser visits: all of the address table, some in more than one state, the lists also empty."""

from dataclasses import dataclass

from tests.test_authorisation import routes, rows_of

#: Not pages of ours: what a browser takes for a download, another address, or a program's answer.
LEFT_OUT = {"summary_export", "favicon", "healthz", "readyz", "metrics", "api_docs", "home", "ping", "ping_word"}
#: Of the account pages, which are forms of one kind, these stand for all.
ACCOUNT = {"account_login", "account_change_password", "account_reset_password"}
#: Lists, in the project that nobody has reported to yet.
STILL_EMPTY = (
    "overview", "deployments", "issues", "checks", "alerts", "alert_history", "objectives", "guides", "summaries",
    "tokens", "sources", "metric_list", "metrics_explore", "maintenance", "verdicts", "replays",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A page in one state: where it is, and who looks."""

    route: str
    person: str = "jonas"
    query: str = ""
    project: str = "shop"
    #: Attributes of the world to look at another row than the usual one.
    instead: tuple[tuple[str, str], ...] = ()

    def path(self, world):
        return routes()[self.route].path(world.seen(self.project, dict(self.instead))) + self.query


def usual():
    """Each page once, as the owner or, where that is not enough, an administrator sees it."""
    for name in sorted(routes()):
        row = rows_of(name).get("GET")
        if not row or row.answer != 200 or name in LEFT_OUT or routes()[name].is_api or name.startswith("admin:"):
            continue
        if name.startswith("account_") and name not in ACCOUNT:
            continue
        person = {"anyone": "", "guest": "", "administrator": "root", "staff": "root"}.get(row.who, "jonas")
        yield name, Place(name, person)


def is_form(name):
    return name.startswith("account_") or name.endswith(("_add", "_edit", "_remove", "_revoke"))


#: The pages that people live in are looked at twice; the others share their frame and their parts.
USUAL = {name: place for name, place in usual() if not is_form(name) or name in {"account_login", "check_edit"}}
OTHERS = {
    **{name: place for name, place in usual() if name not in USUAL},
    "projects to choose from": Place("home", query="?list"),
    "projects of somebody without one": Place("home", "nobody"),
    "deployments that none is": Place("deployments", query="?version=none-such"),
    "deployment that is watched": Place("deployment", instead=(("deployment", "good"),)),
    "deployment that is inconclusive": Place("deployment", "mira", instead=(("deployment", "candidate"),)),
    "summary of a watch under way": Place("summary", instead=(("deployment", "good"),)),
    "issues of every status": Place("issues", query="?status=any"),
    "issues that none is": Place("issues", "mira", query="?q=none-such"),
    "issue with a clock": Place("issue", "aylin", instead=(("issue", "mails"),)),
    "issue of a viewer": Place("issue", "mira", instead=(("issue", "umlauts"),)),
    "form of a flow": Place("check_add", query="?kind=FLOW"),
    "form of a reconciliation": Place("check_add", query="?kind=RECONCILIATION"),
    "form of a heartbeat": Place("check_add", query="?kind=HEARTBEAT"),
    "check that is paused": Place("check", "mira", instead=(("check", "paused"),)),
    "explorer with lines": Place("metrics_explore", query="?metric=checkout_errors&over=24h"),
    "explorer that compares releases": Place("metrics_explore", query="?metric=checkout_errors&compare=3&over=3h"),
    "replay that has only begun": Place("replay", "mira", instead=(("replay", "waiting_replay"),)),
    "replay that failed": Place("replay", instead=(("replay", "failed_replay"),)),
    "replays with a suggestion": Place("replays", query="?metric=checkout_errors&least_change=25"),
    "verdicts of all time": Place("verdicts", "mira", query="?over=all&environment=staging"),
    "metric with a limit, zoomed out": Place("metric", query="?over=30d&limit=1"),
    **{f"{name}, still empty": Place(name, project="newborn") for name in STILL_EMPTY},
}
PLACES = USUAL | OTHERS
