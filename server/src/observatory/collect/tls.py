"""Probes of TLS certificates."""

from __future__ import annotations

import asyncio
import ssl
from typing import ClassVar, Literal

from cryptography import x509
from cryptography.x509.oid import NameOID
from pydantic import Field

from observatory.clock import NS_PER_S
from observatory.collect.metrics import Metrics
from observatory.collect.outcome import Reason, Unread
from observatory.collect.probe import OWN_SHARE, UP, code
from observatory.collect.target import Host, Port, Target, Text, Tls, Tools
from observatory.collect.trust import blind, context


class TlsTarget(Target):
    """One certificate."""

    KIND: ClassVar[str] = "tls"
    SENTENCE: ClassVar[str] = "A TLS certificate: time until it expires, and whether it is trusted."

    kind: Literal["tls"]
    interval_s: float = Field(60.0, ge=1, le=86_400, description="Time between two attempts.")
    host: Host = Field(description="Its host.")
    port: Port = Field(443, description="Its port.")
    server_name: Text | None = Field(None, description="The name asked for; the host unless set.")
    tls: Tls | None = Field(None, description="Whom to trust, when it is not the system's certificates.")

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port."""
        return self.host, self.port

    async def read(self, into: Metrics, tools: Tools) -> None:
        """Shake hands, look at the certificate, hang up.

        Raises:
            Unread: if no certificate was seen: then nothing is known of its time.
        """
        shown = {"tlscheck.target": f"{self.host}:{self.port}"}
        try:
            seen, complaint = await self._look()
        except Unread:
            into.gauge(UP, 0, "1", shown)
            raise
        left_ns = int(seen.not_valid_after_utc.timestamp()) * NS_PER_S - into.at_ns
        named = shown | {"tlscheck.x509.cn": _common(seen.subject), "tlscheck.x509.issuer": _common(seen.issuer)}
        into.gauge("tlscheck.time_left", left_ns // NS_PER_S, "s", named)
        if complaint:
            into.level("tlscheck.error", 1, "{error}", shown | {"error.message": complaint})
        into.gauge(UP, int(not complaint), "1", shown)

    async def _look(self) -> tuple[x509.Certificate, str]:
        """The certificate, and why it is not trusted; empty when it is."""
        trust = context(self.tls.ca_file if self.tls else None)
        try:
            async with asyncio.timeout(self.patience_s * OWN_SHARE):
                try:
                    return await self._certificate(trust), ""
                except ssl.SSLCertVerificationError as error:
                    return await self._certificate(blind()), error.verify_message[:128]
        except TimeoutError:
            raise Unread(Reason.TIMEOUT, f"no certificate within {self.patience_s:g} s") from None

    async def _certificate(self, trust: ssl.SSLContext) -> x509.Certificate:
        name = self.server_name or self.host
        try:
            _, writer = await asyncio.open_connection(self.host, self.port, ssl=trust, server_hostname=name)
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            raise Unread(Reason.UNREACHABLE, f"no certificate: {code(error)}") from None
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return x509.load_der_x509_certificate(shown)
        except (ValueError, TypeError):
            raise Unread(Reason.MALFORMED, "the certificate cannot be read") from None
        finally:
            writer.transport.abort()


def _common(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value)[:128] if found else ""
