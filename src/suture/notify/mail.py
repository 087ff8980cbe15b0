"""E-mail by SMTP (RFC 5321), over TLS alone: STARTTLS (RFC 3207) or TLS from the first byte (RFC 8314).

Nothing is said before the server's certificate was checked: not the password, and not to whom. A server that offers no
TLS gets no mail. Where a worker dies after the server took a message and before that was noted, another sends it again:
under the same Message-ID, so that a mailbox that compares them shows it once.
"""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as _SMTP
from email.utils import format_datetime

import msgspec

from suture.catalogue.notifications import Mail
from suture.notify.port import MessageAnswer, Outgoing
from suture.notify.wording import Wording

_POLICY = _SMTP.clone(max_line_length=900)
"""Lines are shorter than what a server must take (998), and none is broken where a reader would see it."""
_TIMEOUT_SECONDS = 10.0
_LONGEST_SECONDS = 60.0
_CHECK = "`suture doctor` tests it."


class MailWay:
    """Hands messages to one server, each over a connection of its own, in a thread: the library blocks. `password` is
    asked for when it is needed, and answers None where it is not set."""

    def __init__(self, server: Mail, password: Callable[[], str | None], wording: Wording) -> None:
        self._server = server
        self._password = password
        self._wording = wording

    async def send(self, message: Outgoing) -> MessageAnswer:
        try:
            written = self._written(message)
        except (MessageError, ValueError, IndexError):
            return MessageAnswer("refused", "was not contacted: the address is not valid", _OTHER_ADDRESS)
        return await self._bounded(lambda server: self._hand_over(server, written))

    async def check(self) -> MessageAnswer:
        """Whether a message could be handed over: connection, certificate, sign-in."""
        return await self._bounded(lambda server: _said(*server.noop()))

    async def _bounded(self, act: Callable[[smtplib.SMTP], MessageAnswer]) -> MessageAnswer:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await asyncio.to_thread(self._connected, act)
        except TimeoutError:
            return MessageAnswer("later", "did not answer in time", _away(self._server))

    def _connected(self, act: Callable[[smtplib.SMTP], MessageAnswer]) -> MessageAnswer:
        server, password = self._server, self._password() or ""
        if server.login is not None and not password:
            return MessageAnswer(
                "misconfigured", "was not contacted: its password is not set", f"Set the secret {server.secret}."
            )
        try:
            connection = _connect(server)
        except Exception as error:
            return answer_of(error, server)
        try:
            connection.ehlo_or_helo_if_needed()
            if server.login is not None:
                connection.login(server.login, password)
            return act(connection)
        except Exception as error:
            return answer_of(error, server)
        finally:
            _leave(connection)

    def _hand_over(self, connection: smtplib.SMTP, written: EmailMessage) -> MessageAnswer:
        recipient = written["To"].addresses[0].addr_spec
        code, words = connection.mail(self._server.sender)
        if code == 250:
            code, words = connection.rcpt(recipient)
            if code >= 500:
                raise smtplib.SMTPRecipientsRefused({recipient: (code, words)})
        if code not in (250, 251, 252):
            raise smtplib.SMTPSenderRefused(code, words, self._server.sender)
        return _said(*connection.data(written.as_bytes(policy=_POLICY)))

    def _written(self, message: Outgoing) -> EmailMessage:
        """Raises `ValueError` (or what it is at the bottom) where the address is none."""
        if not message.to.isascii():
            raise ValueError("an address outside ASCII needs a server that supports SMTPUTF8")
        wording, sender = self._wording, Address(addr_spec=self._server.sender)
        written = EmailMessage(policy=_POLICY)
        written["From"] = Address(f"Suture ({wording.organisation})", addr_spec=self._server.sender)
        written["To"] = Address(addr_spec=message.to)
        written["Subject"] = wording.subject(message)
        written["Date"] = format_datetime(message.made_at)
        written["Message-ID"] = f"<{message.id}@{sender.domain}>"
        written["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice comes back
        written.set_content(wording.text(message))
        return written


def _connect(server: Mail) -> smtplib.SMTP:
    """A connection whose other end is proved to be the server. Raises what the library, or TLS, raises."""
    context = ssl.create_default_context(cafile=server.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_SECONDS, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection


def _leave(connection: smtplib.SMTP) -> None:
    """Say good-bye; that nobody hears it changes nothing."""
    try:
        connection.quit()
    except (smtplib.SMTPException, OSError, ValueError):
        connection.close()


def _said(code: int, words: bytes) -> MessageAnswer:
    said = f"{code} {words.decode('ascii', 'replace')}"
    if code == 250:
        return MessageAnswer("delivered", "accepted it", said=said)
    if code >= 500:
        return MessageAnswer("refused", f"answered {code} to the message", _OTHER_ADDRESS, said)
    return MessageAnswer("later", f"answered {code}", said=said)


_OTHER_ADDRESS = (
    "Give the person an address that accepts mail (`suture people email NAME ADDRESS`), or name another person in the "
    "catalogue's notifications."
)


def _away(server: Mail) -> str:
    return f"Have {server.host}:{server.port} brought back, or correct it in the catalogue's notifications. {_CHECK}"


_REMEDIES: tuple[tuple[tuple[type[Exception], ...], str, str], ...] = (
    (
        (ssl.SSLCertVerificationError,),
        "presented a certificate that can't be trusted",
        "Have {where} present a certificate for {host} from an authority that this machine trusts, or name the"
        " authority's "
        f"file as `authority` in the catalogue's notifications. {_CHECK}",
    ),
    (
        (ssl.SSLError,),
        "does not speak TLS there",
        "Does {where} speak TLS from the first byte (`security: tls`, often port 465) or after STARTTLS (`security: "
        f"starttls`, often port 587)? {_CHECK}",
    ),
    (
        (FileNotFoundError, PermissionError, IsADirectoryError),
        "was not contacted: its authority's certificate file can't be read",
        f"Name a readable file as `authority` in the catalogue's notifications. {_CHECK}",
    ),
    (
        (smtplib.SMTPNotSupportedError,),
        "lacks a required feature",
        "Have {where} offer STARTTLS and a way to sign in, or use `security: tls` (often port 465). Mail is only sent"
        f" encrypted. {_CHECK}",
    ),
    (
        (smtplib.SMTPAuthenticationError,),
        "refused the sign-in ({code})",
        f"Set the secret {{secret}} to the password of {{login}}, or correct the login. {_CHECK}",
    ),
    (
        (smtplib.SMTPSenderRefused,),
        "refused the sender ({code})",
        f"Allow {{sender}} as a sender there, or correct `sender`. {_CHECK}",
    ),
)
"""What nobody gets mail with until it is fixed: the error, what the server did, and the remedy."""
_BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


def answer_of(error: Exception, server: Mail) -> MessageAnswer:
    """What an error of the library, of TLS or of the network means. Whatever is none of these is worth another try."""
    code, said = getattr(error, "smtp_code", 0), str(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
        return MessageAnswer("refused", f"answered {code} to the address", _OTHER_ADDRESS, said)
    if isinstance(error, smtplib.SMTPDataError):
        return _said(code, error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode())
    told = {"where": f"{server.host}:{server.port}", "code": code, **msgspec.structs.asdict(server)}
    for kinds, words, remedy in _REMEDIES:
        if isinstance(error, kinds) and not isinstance(error, _BROKEN_OFF) and not 0 < code < 500:
            return MessageAnswer("misconfigured", words.format(**told), remedy.format(**told), said)
    words = f"answered {code}" if code else f"can't be reached ({type(error).__name__})"
    return MessageAnswer("later", words, _away(server), said)
