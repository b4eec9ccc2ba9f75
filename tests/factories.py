"""Builders of rows for tests: sensible defaults, everything can be said differently."""

import factory
from django.utils import timezone

from deployments.models import Deployment, Environment, Membership, Project, Role, User

# --- deployments --------------------------------------------------------------------------------------------


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")


class ProjectFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Project

    name = factory.Sequence(lambda n: f"Shop {n}")
    slug = factory.Sequence(lambda n: f"shop-{n}")
    issue_prefix = "SHOP"


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    project = factory.SubFactory(ProjectFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.VIEWER


class EnvironmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Environment

    project = factory.SubFactory(ProjectFactory)
    name = "production"
    tier = "PRODUCTION"


class DeploymentFactory(factory.django.DjangoModelFactory):
    """A deployment that went live just now; say `status="RUNNING", finished_at=None` for one that still runs."""

    class Meta:
        model = Deployment

    environment = factory.SubFactory(EnvironmentFactory)
    project = factory.LazyAttribute(lambda deployment: deployment.environment.project)
    version = factory.Sequence(lambda n: f"v1.{n}.0")
    status = "SUCCEEDED"
    finished_at = factory.LazyFunction(timezone.now)
    occurred_at = factory.LazyAttribute(lambda deployment: deployment.finished_at or timezone.now())


# --- monitoring ---------------------------------------------------------------------------------------------

# --- issues -------------------------------------------------------------------------------------------------

# --- support ------------------------------------------------------------------------------------------------

# --- reports ------------------------------------------------------------------------------------------------
