"""What the pages of this floor take in; each refusal names the field and the fix."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.text import slugify

from deployments.models import Environment, Project, Role, Scope, Tier
from deployments.services import UnknownPerson, find_person

if TYPE_CHECKING:  # generic for the type checker only
    ProjectModelForm = forms.ModelForm[Project]
    EnvironmentModelForm = forms.ModelForm[Environment]
else:
    ProjectModelForm = EnvironmentModelForm = forms.ModelForm

PROJECT_LABELS = {"issue_prefix": "Issue prefix"}
EXPIRIES = (("30", "30 days"), ("90", "90 days"), ("365", "1 year"), ("never", "Never"))


class ProjectForm(ProjectModelForm):
    """The project's own facts."""

    class Meta:
        model = Project
        fields = ["name", "issue_prefix", "description"]
        labels = PROJECT_LABELS
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}


class NewProjectForm(ProjectForm):
    """A new project; the short name is made from the name if it is left empty."""

    slug = forms.SlugField(
        max_length=60,
        required=False,
        label="Short name",
        help_text="For addresses and pipelines, such as shop. It cannot be changed later.",
    )

    class Meta(ProjectForm.Meta):
        fields = ["name", "slug", "issue_prefix", "description"]

    def clean(self) -> dict[str, Any]:
        """Make the short name, if none was given."""
        values = super().clean() or {}
        if not values.get("slug") and values.get("name") and "slug" not in self.errors:
            values["slug"] = slugify(values["name"])[:60]
            self.instance.slug = values["slug"]
            if not values["slug"]:
                self.add_error("slug", "Write a short name in Latin letters; none can be made from this name.")
        return values


class EnvironmentForm(EnvironmentModelForm):
    """What a maintainer says of an environment."""

    class Meta:
        model = Environment
        fields = ["tier", "url"]
        labels = {"url": "Address"}
        help_texts = {"tier": "What it is for. It decides how grave an issue there is."}


class NewEnvironmentForm(EnvironmentForm):
    """An environment that is set up before its first deployment."""

    class Meta(EnvironmentForm.Meta):
        fields = ["name", "tier", "url"]
        help_texts = {**EnvironmentForm.Meta.help_texts, "name": "As the pipeline will call it."}

    def __init__(self, project: Project, data: Any = None) -> None:
        super().__init__(data, initial={"tier": Tier.PRODUCTION})
        self.project = project

    def clean_name(self) -> str:
        """Return the name, which no environment of the project has in any spelling."""
        name = str(self.cleaned_data["name"]).strip()
        if Environment.objects.of(self.project).filter(name__iexact=name).exists():
            raise forms.ValidationError("There is an environment of this name.", code="unique")
        return name


class MemberForm(forms.Form):
    """Somebody who shall work on the project."""

    person = forms.CharField(max_length=254, label="User name or e-mail address")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.RESPONDER)

    def clean_person(self) -> Any:
        """Return the user."""
        try:
            return find_person(self.cleaned_data["person"])
        except UnknownPerson:
            raise forms.ValidationError(
                "Nobody has this user name or e-mail address. An administrator can make an account.", code="unknown"
            ) from None


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(choices=Role.choices)


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(max_length=80, help_text="Where it will be used, such as GitHub Actions.")
    scopes = forms.MultipleChoiceField(
        choices=[(value, f"{label} ({value})") for value, label in Scope.choices],
        widget=forms.CheckboxSelectMultiple,
        label="What it may do",
        initial=[Scope.DEPLOYMENTS_WRITE, Scope.DEPLOYMENTS_READ],
    )
    expires = forms.ChoiceField(choices=EXPIRIES, initial="365", label="Expires after")

    def expires_in(self) -> timedelta | None:
        """Return the time it will be usable; None for ever."""
        days = self.cleaned_data["expires"]
        return None if days == "never" else timedelta(days=int(days))
