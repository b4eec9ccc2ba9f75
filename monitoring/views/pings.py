"""Where jobs ping us: no sign-in, the address itself is the secret."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from monitoring import services
from monitoring.models import PingSignal
from monitoring.probes.readings import showable

MAX_NOTE_BYTES = 10_000
_SIGNALS = {"": PingSignal.SUCCESS, "start": PingSignal.START, "success": PingSignal.SUCCESS, "fail": PingSignal.FAIL}


@never_cache
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def ping(request: HttpRequest, key: uuid.UUID, word: str = "") -> HttpResponse:
    """Take a ping: nothing or `success`, `start`, `fail`, or the exit code of the job (0 is a success)."""
    signal = _SIGNALS.get(word) or _of_exit_code(word)
    if signal is None:
        return _says("After the key comes nothing, start, success, fail or an exit code from 0 to 255.", 400)
    note = _note(request) or (f"exit code {word}" if word.isdigit() and signal == PingSignal.FAIL else "")
    try:
        known = services.record_ping(key=key, signal=signal, note=note, now=timezone.now())
    except services.TooManyPings:
        return _says("This heartbeat is pinged too often: at most 60 times a minute.", 429)
    return _says("OK") if known else _says("There is no heartbeat with this key.", 404)


def _of_exit_code(word: str) -> PingSignal | None:
    if not (word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= 255):
        return None
    return PingSignal.FAIL if int(word) else PingSignal.SUCCESS


def _note(request: HttpRequest) -> str:
    """The beginning of what the job sent along, as text that can be stored and shown."""
    if request.method != "POST":
        return ""
    return showable(request.read(MAX_NOTE_BYTES).decode("utf-8", "replace").strip(), 2000)


def _says(text: str, status: int = 200) -> HttpResponse:
    response = HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=status)
    if status == 429:
        response["Retry-After"] = "60"
    return response
