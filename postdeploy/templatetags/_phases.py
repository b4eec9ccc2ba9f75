"""Where the time of one reading went, as one bar: a share for each phase, and the same in words beside it."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from postdeploy.lib.words import quantity

PHASES = (("Name lookup", "dns_ms"), ("Connect", "connect_ms"), ("TLS", "tls_ms"), ("First byte", "first_byte_ms"))


def phases_bar(timings: Any) -> SafeString:
    """Draw the phases of `timings` (`dns_ms` … `first_byte_ms`, `total_ms`) and list them; what is left is the rest."""
    parts = [(name, float(getattr(timings, field))) for name, field in PHASES]
    total = float(timings.total_ms)
    parts.append(("Rest", max(0.0, total - sum(ms for _, ms in parts))))
    shown = [(number, name, ms) for number, (name, ms) in enumerate(parts, start=1) if ms > 0.0005]
    told = ", ".join(f"{name} {_ms(ms)}" for _, name, ms in shown)
    label = f"{_ms(total)} in all: {told}"
    keys = format_html_join(
        "", '<span class="key key--p{}">{} <b>{}</b></span>', ((number, name, _ms(ms)) for number, name, ms in shown)
    )
    bars = format_html('<svg class="phases" role="img" aria-label="{}">{}</svg>', label, _bars(shown, total))
    return format_html('{}<div class="readout">{}<span>Total <b>{}</b></span></div>', bars, keys, _ms(total))


def _bars(shown: list[tuple[int, str, float]], total: float) -> SafeString:
    at, bars = 0.0, []
    for number, _, ms in shown:
        width = 100 * ms / total if total else 0.0
        bars.append((number, f"{at:.3f}", f"{width:.3f}"))
        at += width
    return format_html_join("", '<rect class="p{}" x="{}%" width="{}%" height="14"/>', bars)


def _ms(value: float) -> str:
    return quantity(value, "ms")
