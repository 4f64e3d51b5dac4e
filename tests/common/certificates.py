"""Certificates for localhost and 127.0.0.1, made with openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def _openssl(directory: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=directory, check=True, capture_output=True)


def self_signed(directory: Path) -> tuple[Path, Path]:
    """`cert.pem`, which no authority has signed, and `key.pem`."""
    _openssl(directory, "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost "
                        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE "
                        "-keyout key.pem -out cert.pem")
    return directory / "cert.pem", directory / "key.pem"


def by_authority(directory: Path) -> tuple[Path, Path, Path]:
    """A certificate authority, `ca.pem`, and a certificate of it, `cert.pem` with `key.pem`."""
    (directory / "extensions").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
    )
    _openssl(directory, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=test-authority")
    _openssl(directory, "req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost")
    _openssl(directory, "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out cert.pem")
    return directory / "ca.pem", directory / "cert.pem", directory / "key.pem"


def for_clients(directory: Path, users: list[str]) -> None:
    """A certificate of that authority for each user, with the user's name as its common name.

    The certificate has extensions and therefore version 3. OpenSSL also accepts version 1, but rustls does not.
    """
    (directory / "client-extensions").write_text("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n")
    for user in users:
        _openssl(directory, f"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {user}.key -out {user}.csr -subj /CN={user}")
        _openssl(directory, f"x509 -req -in {user}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 "
                            f"-extfile client-extensions -out {user}.crt")
