"""API routes of this floor, below /api/v1/."""

from django.urls import path

from issues import api

urlpatterns = [
    path("issues", api.Issues.as_view(), name="api_issues"),
    path("issues/<str:issue>", api.OneIssue.as_view(), name="api_issue"),
    path("issues/<str:issue>/comments", api.IssueComments.as_view(), name="api_issue_comments"),
    path("issues/<str:issue>/move", api.IssueMove.as_view(), name="api_issue_move"),
]
