"""Which addresses Postdeploy may connect to: the guard of every outbound request.

The rule compares *parsed addresses*, never names: ``is_allowed`` is asked by the HTTP client when a socket is
opened, at every hop, so that DNS rebinding and redirects are covered. ``check_url`` is the friendly half, asked
when somebody saves a URL.

``ipaddress`` alone does not decide: ``is_global`` is true for NAT64, 6to4 and multicast, ``is_private`` is false for
carrier-grade NAT, and both change between Python patch levels. Hence the tables below.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL_LENGTH = 2048


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Refused even when a listed network contains them: they hand out credentials, or mean "this very host".
_NEVER = {
    "metadata": _networks(
        "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254/128",
        "fd20:ce::254/128",
    ),
    "link-local": _networks("169.254.0.0/16", "fe80::/10"),
    "multicast": _networks("224.0.0.0/4", "ff00::/8"),
    "unspecified": _networks("0.0.0.0/8", "::/128"),
    "broadcast": _networks("255.255.255.255"),
}  # fmt: skip

# IPv6 ranges that lead to an IPv4 address, which then has to pass as well. The number is the bit shift to it.
_EMBEDDED = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)

# Refused unless a listed network contains them; first match names the address.
_UNLESS_LISTED = {
    "loopback": _networks("127.0.0.0/8", "::1/128"),
    "transition": _networks("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"),
    "private": _networks(
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10",
    ),
    "reserved": _networks(
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "240.0.0.0/4", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
    ),
}  # fmt: skip

# A request body can be written so that these services take it for commands.
NOT_WEB_PORTS = frozenset({20, 21, 22, 23, 25, 53, 110, 111, 119, 135, 139, 143, 389, 445, 465, 587, 636, 993, 995})

_HOST_AND_PORT = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/@\\\[\]?#%]{1,253}))(?::(?P<port>[0-9]{1,5}))?"
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class UrlRefused(ValueError):
    """The URL must not be requested; the text is a sentence for the person who typed it."""


class AddressRefused(UrlRefused):
    """The host of the URL is an address that must not be connected to."""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The allow-list of an installation, from texts such as ``10.0.0.0/8``; ``ValueError`` names a bad one."""
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts if text.strip())


def is_allowed(address: str | Address, allowed_networks: Iterable[Network | str]) -> bool:
    """Whether a connection to this address may be opened; the networks are the installation's allow-list."""
    return refusal(address, allowed_networks) is None


def refusal(address: str | Address, allowed_networks: Iterable[Network | str]) -> str | None:
    """Why a connection to this address is refused, as a sentence without a full stop; ``None`` if it is allowed."""
    return _refusal(str(address), tuple(allowed_networks))


@lru_cache(maxsize=8192)
def _refusal(text: str, allowed: tuple[Network | str, ...]) -> str | None:
    try:
        address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return f"{text} is not an IP address"
    if never := _kind(address, _NEVER):
        return f"{never} address {address} is never allowed"
    kind = _kind(address, _UNLESS_LISTED) or ("" if address.is_global else "reserved")
    if not kind:
        return None
    if not any(address in ipaddress.ip_network(network) for network in allowed):
        return f"{kind} address {address} is not allowed here"
    inner = _embedded(address)
    return _refusal(str(inner), allowed) if inner else None


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _kind(address: Address, table: dict[str, tuple[Network, ...]]) -> str | None:
    return next((kind for kind, networks in table.items() if any(address in network for network in networks)), None)


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a listed transition address really leads to."""
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        for network, shift in _EMBEDDED:
            if address in network:
                return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return None


def check_url(url: str, allowed_networks: Iterable[Network | str] = ()) -> str:
    """The URL in its normal form (lower-case ASCII host, escaped path, no fragment), or ``UrlRefused``.

    Names are not resolved: what they lead to is checked at each connection.
    """
    text = url.strip()
    _refuse_odd_text(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UrlRefused("This is not a valid URL: the host or the port cannot be read.") from None
    _refuse_odd_parts(parts, port)
    host = _checked_host(parts.hostname or "", tuple(allowed_networks))
    default = 443 if parts.scheme == "https" else 80
    netloc = host if port in (None, default) else f"{host}:{port}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]|")
    return urlunsplit((parts.scheme, netloc, path, query, ""))


def check_host_and_port(
    text: str, allowed_networks: Iterable[Network | str] = (), *, default_port: int | None = None
) -> tuple[str, int]:
    """The host (an ASCII name, or an address without brackets) and the port of ``host:port``, or ``UrlRefused``."""
    found = _HOST_AND_PORT.fullmatch(text.strip())
    if not found:
        raise UrlRefused("Write a host and a port, such as db.example.org:5432 or [2001:db8::1]:443.")
    port = int(found["port"]) if found["port"] else default_port
    if port is None:
        raise UrlRefused("Write the port after the host, such as db.example.org:5432.")
    if not 1 <= port <= 65535:
        raise UrlRefused("The port must be between 1 and 65535.")
    host = _checked_host((found["v6"] or found["host"]).lower(), tuple(allowed_networks))
    return host.strip("[]"), port


def check_host(text: str, allowed_networks: Iterable[Network | str] = ()) -> str:
    """A host alone: an ASCII name, or an address that may be connected to; ``UrlRefused`` otherwise."""
    return check_host_and_port(
        text if "]" in text or ":" not in text else f"[{text}]", allowed_networks, default_port=1
    )[0]


def _refuse_odd_text(text: str) -> None:
    if not text:
        raise UrlRefused("Enter a URL that begins with http:// or https://.")
    if len(text) > MAX_URL_LENGTH:
        raise UrlRefused(f"The URL is longer than {MAX_URL_LENGTH} characters.")
    # urlsplit drops tabs and line breaks silently, and browsers read a backslash as a slash: two readers, two hosts.
    if re.search(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]", text):
        raise UrlRefused("The URL has a space, a backslash or a control character in it; write it percent-encoded.")


def _refuse_odd_parts(parts: SplitResult, port: int | None) -> None:
    if parts.scheme not in ("http", "https"):
        raise UrlRefused("Only http:// and https:// URLs can be requested.")
    if "@" in parts.netloc:
        raise UrlRefused("A user name or password in the URL is not accepted; use a header instead.")
    if not parts.hostname:
        raise UrlRefused("The URL has no host.")
    if "[" in parts.netloc and ":" not in parts.hostname:
        raise UrlRefused("Square brackets belong around an IPv6 address only.")
    if port is not None and not 1 <= port <= 65535:
        raise UrlRefused("The port must be between 1 and 65535.")
    if port in NOT_WEB_PORTS:
        raise UrlRefused(f"Port {port} belongs to another service than the web and is not requested.")


def _checked_host(hostname: str, allowed: tuple[Network | str, ...]) -> str:
    if ":" in hostname:
        return f"[{_checked_literal(hostname, allowed)}]"
    host = _ascii_host(hostname)
    last_label = host.rpartition(".")[2]
    # Resolvers read a host whose last part is a number as an IPv4 address, in many odd spellings.
    if last_label.isdigit() or last_label.startswith("0x"):
        return str(_checked_literal(host, allowed))
    if host == "localhost" or host.endswith(".localhost"):
        _checked_literal("127.0.0.1", allowed)
    return host


def _checked_literal(text: str, allowed: tuple[Network | str, ...]) -> Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise UrlRefused(f"The host {text} is neither a name nor an IP address in its usual form.") from None
    if "%" in text:
        raise UrlRefused("An address with a zone (%) is not accepted.")
    if why := refusal(address, allowed):
        raise AddressRefused(f"{why[0].upper()}{why[1:]}.")
    return address


def _ascii_host(hostname: str) -> str:
    try:
        host = hostname.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise UrlRefused("The host name is not valid.") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlRefused("The host name is not valid.")
    return host
