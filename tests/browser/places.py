"""Which pages the browser visits: all of the address table, some in more than one state, the lists also empty."""

from dataclasses import dataclass

from tests.test_authorisation import routes, rows_of

#: Not pages of ours: what a browser takes for a download, another address, or a program's answer.
LEFT_OUT = {"summary_export", "favicon", "healthz", "readyz", "api_docs", "home"}
#: Pages that need no argument or none of a row, in the project that nobody has reported to yet.
STILL_EMPTY = (
    "overview", "deployments", "issues", "checks", "support", "guides", "summaries", "tokens", "settings",
    "settings_support", "settings_watching",
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
        person = {"anyone": "", "guest": "", "administrator": "root"}.get(row.who, "jonas")
        yield name, Place(name, person)


#: The pages that people live in are looked at twice; the others share their frame and parts.
USUAL = {name: place for name, place in usual() if not name.startswith("account_")}
OTHERS = {
    **{name: place for name, place in usual() if name.startswith("account_")},
    "overview of a viewer": Place("overview", "mira"),
    "projects to choose from": Place("home", query="?list"),
    "projects of somebody without one": Place("home", "nobody"),
    "deployments by filter": Place("deployments", query="?verdict=failed&environment=production"),
    "deployments that none is": Place("deployments", query="?version=none-such"),
    "deployment that is watched": Place("deployment", instead=(("deployment", "good"),)),
    "deployment that is inconclusive": Place("deployment", instead=(("deployment", "candidate"),)),
    "deployment as a viewer sees it": Place("deployment", "mira"),
    "summary of a watch under way": Place("summary", instead=(("deployment", "good"),)),
    "issues of every status": Place("issues", query="?status=any"),
    "issues that none is": Place("issues", query="?q=none-such"),
    "issue with a clock": Place("issue", "aylin", instead=(("issue", "mails"),)),
    "issue of a viewer": Place("issue", "mira", instead=(("issue", "umlauts"),)),
    "check that is paused": Place("check", instead=(("check", "paused"),)),
    **{f"{name}, still empty": Place(name, project="newborn") for name in STILL_EMPTY},
}
PLACES = USUAL | OTHERS
