"""People in front of the pages of this floor, and what they see."""

import re

from django.test import Client

from tests.factories import MembershipFactory


def somebody(environment, role):
    client = Client()
    client.force_login(MembershipFactory(project=environment.project, role=role).user)
    return client


def url(environment, rest="checks/"):
    return f"/p/{environment.project.slug}/{rest}"


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
