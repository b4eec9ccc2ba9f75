"""What the pages of this floor take in; each refusal names the field and the fix."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import Q
from django.http import QueryDict

from deployments.models import Deployment, Environment, Project, Role, User
from issues.models import Issue, IssueStatus, Severity
from postdeploy.forms import DurationField
from support.models import TECHNICAL_DOCS, USER_GUIDES, ChannelKind, SupportTier

#: An issue is rarely older than the latest so many deployments.
RECENT_DEPLOYMENTS = 50


def area(rows: int) -> forms.Textarea:
    """Return a text area of so many lines."""
    return forms.Textarea(attrs={"rows": rows})


def responders(project: Project) -> list[User]:
    """Return the people of `project` who may own an issue."""
    roles = Role.at_least(Role.RESPONDER)
    rows = User.objects.filter(memberships__project=project, memberships__role__in=roles, is_active=True)
    return sorted(rows.distinct(), key=lambda user: user.display_name.casefold())


def deployment_choice(
    project: Project, *, chosen: Deployment | None = None, **kwargs: Any
) -> "forms.ModelChoiceField[Deployment]":
    """Return a field with the project's latest deployments, and the one that was chosen before."""
    rows = Deployment.objects.of(project)
    recent = list(rows.newest_first().values_list("pk", flat=True)[:RECENT_DEPLOYMENTS])
    wanted = rows.filter(pk__in=[*recent, *([chosen.pk] if chosen else [])])
    return forms.ModelChoiceField(wanted.select_related("environment").newest_first(), required=False, **kwargs)


class LogForm(forms.Form):
    """The filter of the issue log, as it stands in the address."""

    status = forms.CharField(required=False)
    q = forms.CharField(required=False, max_length=200, label="Text")
    severity = forms.ChoiceField(
        required=False, choices=[("", "Any severity"), *((s.value.lower(), s.label) for s in Severity)]
    )
    environment = forms.CharField(required=False, max_length=100)
    tier = forms.CharField(required=False, max_length=60)
    after = forms.RegexField(r"^[A-Z]+-[0-9]{1,9}$", required=False)

    STATUSES = ("open", "mine", "unowned", "proof", "any", *(status.lower() for status in IssueStatus.values))

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deployment"] = deployment_choice(project)

    def clean_status(self) -> str:
        """Return the tab or status, the open issues without one."""
        wanted = self.cleaned_data["status"] or "open"
        if wanted not in self.STATUSES:
            raise forms.ValidationError(f"There is no status “{wanted}”; use one of {', '.join(self.STATUSES)}.")
        return str(wanted)


class IssueForm(forms.Form):
    """A problem that somebody saw."""

    title = forms.CharField(max_length=200, help_text="What is wrong, in a few words.")
    severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.MAJOR)
    description = forms.CharField(required=False, max_length=20_000, widget=area(4))
    impact = forms.CharField(
        required=False, max_length=5000, widget=area(2), help_text="Who or what suffers, and how much."
    )
    plan = forms.CharField(required=False, max_length=5000, widget=area(2), help_text="What is done next.")

    def __init__(self, project: Project, *args: Any, chosen: Deployment | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        environments = Environment.objects.of(project)
        self.fields["environment"] = forms.ModelChoiceField(environments, required=False, empty_label="none")
        self.fields["deployment"] = deployment_choice(
            project, chosen=chosen, empty_label="none", help_text="The one it is thought to come from."
        )
        self.order_fields(["title", "severity", "environment", "deployment", "description", "impact", "plan"])


class IssueEditForm(IssueForm):
    """The words of an issue that is open already."""

    resolution = forms.CharField(required=False, max_length=5000, widget=area(2))
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, issue: Issue, *args: Any, **kwargs: Any) -> None:
        names = ("title", "severity", "description", "impact", "plan", "resolution", "environment", "deployment")
        values = {name: getattr(issue, name) for name in (*names, "revision")}
        super().__init__(issue.project, *args, chosen=issue.deployment, initial=values, **kwargs)
        if issue.status not in (IssueStatus.RESOLVED, IssueStatus.VERIFIED):
            del self.fields["resolution"]

    def changes(self) -> dict[str, Any]:
        """Return the values without the guard."""
        return {name: value for name, value in self.cleaned_data.items() if name != "revision"}


class CommentForm(forms.Form):
    """An update."""

    text = forms.CharField(max_length=20_000, widget=area(2), label="New update")


class MoveForm(forms.Form):
    """A step of the process with what the step needs; the rules themselves are in `issues.process`."""

    status = forms.ChoiceField(choices=IssueStatus.choices)
    resolution = forms.CharField(required=False, max_length=5000)
    reason = forms.CharField(required=False, max_length=2000)
    severity = forms.ChoiceField(required=False, choices=[("", ""), *Severity.choices])
    impact = forms.CharField(required=False, max_length=5000)
    revision = forms.IntegerField(required=False)

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(Q(memberships__project=project) | Q(is_superuser=True), is_active=True)
        self.fields["owner"] = forms.ModelChoiceField(people.distinct(), required=False)


class EscalateForm(forms.Form):
    """What the next tier needs to know."""

    note = forms.CharField(required=False, max_length=300)


class GuideForm(forms.Form):
    """A user guide or a technical document."""

    kind = forms.ChoiceField(
        choices=[
            ("User Guides", [(kind.value, kind.label) for kind in USER_GUIDES]),
            ("Technical Docs", [(kind.value, kind.label) for kind in TECHNICAL_DOCS]),
        ]
    )
    title = forms.CharField(max_length=200)
    body = forms.CharField(
        max_length=100_000,
        widget=area(18),
        label="Text",
        help_text="Markdown: # heading, **bold**, - list, [link](https://…), ``` for code.",
    )
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, project: Project, *args: Any, chosen: Deployment | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deployment"] = deployment_choice(
            project, chosen=chosen, empty_label="none", help_text="The deployment it explains, if there is one."
        )
        self.order_fields(["kind", "title", "deployment", "body", "revision"])


class TierForm(forms.Form):
    """The clock and the people of one tier."""

    clock_seconds = DurationField(least=5, most=2_592_000, label="Clock", help_text="Such as 15 min, 2 h or 1 d.")

    def __init__(
        self, tier: SupportTier, people: Sequence[User], data: QueryDict | None = None, *, is_last: bool
    ) -> None:
        members = [str(member.user_id) for member in tier.members.all()]
        values = {"clock_seconds": tier.clock_seconds, "members": members}
        super().__init__(data, prefix=f"tier-{tier.pk}", initial=values)
        self.tier = tier
        self.fields["members"] = forms.MultipleChoiceField(
            choices=[(str(user.pk), user.display_name) for user in people],
            widget=forms.CheckboxSelectMultiple,
            required=False,
        )
        if is_last:
            del self.fields["clock_seconds"]


class RulesForm(forms.Form):
    """Which tier gets an issue of each severity first."""

    def __init__(
        self, tiers: Sequence[SupportTier], data: QueryDict | None = None, *, chosen: Mapping[str, int]
    ) -> None:
        super().__init__(data, prefix="rules", initial={name: str(tier) for name, tier in chosen.items()})
        choices = [
            (str(tier.pk), f"{tier.label}, {tier.name}" if tier.label != tier.name else tier.name) for tier in tiers
        ]
        for severity in Severity:
            self.fields[severity.value] = forms.ChoiceField(choices=choices, label=severity.label)


class ChannelForm(forms.Form):
    """Where notifications go."""

    kind = forms.ChoiceField(choices=ChannelKind.choices)
    name = forms.CharField(max_length=80)
    address = forms.CharField(
        max_length=2000, help_text="E-mail addresses, separated by commas, or the URL of a webhook."
    )

    def __init__(self, project: Project, *args: Any, is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tiers = SupportTier.objects.of(project).order_by("-track", "level")
        self.fields["tier"] = forms.ModelChoiceField(
            tiers, required=False, empty_label="everything", label="Hears", help_text="Only what one tier gets, or all."
        )
        if not is_new:
            del self.fields["kind"]
