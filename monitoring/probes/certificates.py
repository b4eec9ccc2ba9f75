"""Client certificates: a certificate and its key in PEM, which have to fit each other."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from monitoring.probes.faults import Faults
from monitoring.probes.secrets import Secrets


def client_certificate(secrets: Secrets, faults: Faults) -> tuple[bytes, bytes] | None:
    """The certificate and key in PEM; half a pair, and two that do not fit, are noted."""
    if not secrets.certificate and not secrets.key:
        return None
    if not secrets.certificate or not secrets.key:
        faults.note("certificate", "A client certificate needs both the certificate and its key, in PEM.")
        return None
    pair = secrets.certificate.encode(), secrets.key.encode()
    certificate, key = _public_key_of_certificate(pair[0], faults), _public_key_of_key(pair[1], faults)
    if certificate and key and certificate != key:
        faults.note("key", "The key does not belong to the client certificate.")
    return pair


def _public_key_of_certificate(pem: bytes, faults: Faults) -> bytes | None:
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except (ValueError, UnsupportedAlgorithm):
        faults.note("certificate", "The client certificate is not in PEM: it begins with -----BEGIN CERTIFICATE-----.")
        return None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public_key_of_key(pem: bytes, faults: Faults) -> bytes | None:
    try:
        key = load_pem_private_key(pem, password=None).public_key()
    except TypeError:
        faults.note("key", "The key is protected by a password; store it without one, it is kept encrypted here.")
        return None
    except (ValueError, UnsupportedAlgorithm):
        faults.note("key", "The key is not in PEM: it begins with -----BEGIN PRIVATE KEY-----.")
        return None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
