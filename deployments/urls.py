"""Pages of this floor, below /p/<project>/."""

from django.urls import path

from deployments.views import environments, members, projects, tokens

urlpatterns = [
    path("settings/", projects.settings, name="settings"),
    path("settings/environments/new/", environments.environment_add, name="environment_add"),
    path("settings/environments/<int:environment>/", environments.environment_edit, name="environment_edit"),
    path("settings/environments/<int:environment>/remove/", environments.environment_remove, name="environment_remove"),
    path("settings/members/new/", members.member_add, name="member_add"),
    path("settings/members/<int:member>/role/", members.member_role, name="member_role"),
    path("settings/members/<int:member>/remove/", members.member_remove, name="member_remove"),
    path("settings/tokens/", tokens.tokens, name="tokens"),
    path("settings/tokens/<int:token>/revoke/", tokens.token_revoke, name="token_revoke"),
]
