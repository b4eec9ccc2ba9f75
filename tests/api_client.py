"""A client that speaks JSON to /api/v1 with a token."""

from django.test import Client


class ApiClient(Client):
    """`ask` reads, `send` writes; what goes wrong on our side is an answer, as it is outside."""

    def __init__(self, token, **headers):
        self.token = token
        super().__init__(headers={"Authorization": f"Bearer {token.text}", **headers}, raise_request_exception=False)

    def ask(self, path, **query):
        return self.get(f"/api/v1{path}", query)

    def send(self, path, body=None, **headers):
        return self.post(f"/api/v1{path}", body or {}, content_type="application/json", headers=headers)
