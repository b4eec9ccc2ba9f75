"""What a browser complains of while a test uses it: errors of scripts, the console, the policy, and failed requests."""

# A page that is left takes its requests with it.
LEFT = "net::ERR_ABORTED"
# So does a request that a newer one of its region replaces; htmx tells the console. Of one that truly failed it says
# htmx:sendError or htmx:timeout as well, and the request itself says so.
REPLACED = ("htmx:afterRequest,", "htmx:sendAbort,")


class Watch:
    """Listens to contexts; `complaints` must be empty at the end of each test."""

    def __init__(self, site):
        self.site, self.complaints, self.forgiven = site, [], ()

    def start(self):
        self.complaints, self.forgiven = [], ()

    def forgive(self, *words):
        """Complaints with one of these words are what the test is about."""
        self.forgiven = words

    def follow(self, context):
        context.on("weberror", lambda error: self._note(f"error in a script: {error.error}"))
        context.on("console", self._console)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)
        return context

    def _note(self, words):
        self.complaints.append(words)

    def _console(self, message):
        if message.type in {"error", "warning"} and not message.text.startswith(REPLACED):
            self._note(f"console {message.type}: {message.text}")

    def _request(self, request):
        if not request.url.startswith((self.site, "data:", "blob:", "about:")):
            self._note(f"asked another host: {request.url}")

    def _failed(self, request):
        if request.failure != LEFT:
            self._note(f"failed request: {request.url} {request.failure}")

    def _response(self, response):
        if response.status >= 400:
            self._note(f"answer {response.status}: {response.url}")

    def standing(self):
        return [words for words in self.complaints if not any(word in words for word in self.forgiven)]
