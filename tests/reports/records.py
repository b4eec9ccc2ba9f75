"""A Deployment Summary as plain data, for the tests of the exports."""

from datetime import UTC, date, datetime, timedelta, timezone

from reports.exports.record import (
    Blame,
    Changes,
    Configuration,
    Escalation,
    Finding,
    Implementation,
    ImprovementAreas,
    Issues,
    Lesson,
    LessonsLearned,
    NotWatched,
    OutstandingIssue,
    Record,
    ResolvedIssue,
    Ruling,
    Stage,
    SuccessFactors,
    SystemChange,
    TimelineEntry,
    Verdict,
)


def at(hour, minute, second=0, day=19):
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


def rolled_back():
    """A deployment that failed its watch and was rolled back."""
    return Record(
        project="shop",
        version="v1.42.0",
        date=date(2026, 11, 19),
        implementation=Implementation(
            start_time=datetime(2026, 11, 19, 9, 58, 12, tzinfo=timezone(timedelta(hours=1))),
            end_time=at(9, 2, 40),
            status="Failure",
            issues=3,
        ),
        changes=Changes(
            system_changes=(
                SystemChange("checkout-api", "Address lookup while the customer types (#1187)", "Rolled back"),
                SystemChange("catalog-api", "Product pages read from the replica (#1179)", "Rolled back"),
            ),
            configuration=(
                Configuration("ADDRESS_LOOKUP", "on (was off)", "Fewer wrong addresses"),
                Configuration("PAYMENT_KEY", "••••••", ""),
            ),
        ),
        issues=Issues(
            resolved=(ResolvedIssue("SHOP-142 Checkout answered 502 (critical)", "Rolled back by v1.42.1"),),
            outstanding=(
                OutstandingIssue("SHOP-145 Order confirmation mails arrive late (major)", "Two more workers"),
            ),
        ),
        verdict=Verdict(
            state="failed",
            word="Failed",
            outcome="Rolled out without an error, then failed its watch, rolled back by v1.42.1.",
            sentence="2 of 4 metrics got worse, the error rate beyond its hard limit.",
            decided_at=at(10, 2, 41),
            stages=(
                Stage("Initial", at(9, 2, 40), at(10, 2, 40), "Failed", "2 of 4 metrics got worse."),
                Stage("Extended", at(10, 2, 40), at(10, 31), "", "Ended by v1.42.1."),
            ),
            findings=(
                Finding("Checkout error rate", "0.12 %", "0.94 %", "+0.82 points", "Regressed", "It rose."),
                Finding("Orders per minute", "41.8", "38.9", "−7 %", "Inconclusive", "It fell."),
            ),
            not_watched=(NotWatched("Warehouse sync lag", "no samples since Wed 22:10"),),
            blame=(
                Blame("v1.42.0 (this one)", "60 %", "it began 2 min after v1.42.0 went live"),
                Blame("Another deployment", "40 %", "it began 3 min after another deployment went live"),
            ),
            rulings=(
                Ruling("The deployment", "This was us", "The new query has no index.", "Mira Kowalski", at(11, 4, 9)),
                Ruling("Orders per minute", "Not us", "A holiday.", "pipeline (API)", at(8, 0, day=20)),
            ),
        ),
        timeline=(
            TimelineEntry(at(9, 2, 40), "Deployment finished.", "Initial watch opened for 60 min."),
            TimelineEntry(at(8, 0, day=20), "Lesson written.", ""),
        ),
        escalations=(Escalation(at(9, 29), "SHOP-142", "L1", "L2", "the 15 min clock ran out"),),
        lessons_learned=LessonsLearned(
            SuccessFactors(what_worked=(Lesson("The hard limit opened the issue 11 min after.", "Mira Kowalski"),)),
            ImprovementAreas(bottlenecks=(Lesson("The rollback was decided late.", ""),)),
        ),
    )


def empty():
    """The least that a summary can hold."""
    return Record(
        project="shop",
        version="1",
        date=date(2026, 1, 2),
        implementation=Implementation(None, None, "Success", 0),
        changes=Changes(),
        issues=Issues(),
        verdict=Verdict("watching", "Watching", "", "Not decided yet.", None),
    )
