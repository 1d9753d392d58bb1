"""The box's own certificate: EC P-256, self-signed, made on the box."""

from __future__ import annotations

import ipaddress
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

#: A box at its first boot may believe it is 1970: validity begins here and is counted from no earlier.
SANE_DATE = datetime(2026, 1, 1, tzinfo=UTC)
VALID_DAYS = 20 * 365 + 5
DNS_NAMES = ("localhost", "flexcore.local")
#: Loopback, and the address that QEMU's user network gives to the box.
ADDRESSES = ("127.0.0.1", "10.0.2.15")


def fit_together(certificate: Path, key: Path) -> bool:
    """Whether both files are there, whole, and belong to each other."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        return False
    return True


def make(name: str) -> tuple[bytes, bytes]:
    """A fresh (key, certificate) in PEM for the box called ``name`` (letters, digits and dashes)."""
    # Costs a tenth of a second, or seconds in an emulator: only at a box's first boot.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = max(SANE_DATE, datetime.fromtimestamp(time.time(), UTC))
    names = [x509.DNSName(n) for n in dict.fromkeys((*DNS_NAMES, name))]
    addresses = [x509.IPAddress(ipaddress.ip_address(a)) for a in ADDRESSES]
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SANE_DATE)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret, certificate.public_bytes(pem)
