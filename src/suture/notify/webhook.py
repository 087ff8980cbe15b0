"""Notices as signed webhooks, by the same door as those to subscribers."""

from collections.abc import Callable, Mapping

import aiohttp

from suture.access.signatures import decode_secret
from suture.catalogue.notifications import Webhook
from suture.core.clock import Clock
from suture.notify.port import MessageAnswer, Outgoing, Verdict
from suture.notify.wording import Wording
from suture.outbound.addresses import AddressRefused, check_url
from suture.outbound.posting import post

_GONE = (404, 410)


class WebhookWay:
    """Posts messages to the receivers that the catalogue names. `secret` gives a secret by its variable's name, None
    where it is not set."""

    def __init__(
        self,
        receivers: Mapping[str, Webhook],
        secret: Callable[[str], str | None],
        wording: Wording,
        clock: Clock,
        http: aiohttp.ClientSession,
        *,
        private: bool,
    ) -> None:
        self._receivers = receivers
        self._secret = secret
        self._wording = wording
        self._clock = clock
        self._http = http
        self._private = private

    async def send(self, message: Outgoing) -> MessageAnswer:
        receiver = self._receivers.get(message.to)
        if receiver is None:
            return MessageAnswer(
                "refused", "is not in the catalogue any more", "No action is needed if that is intended."
            )
        try:
            key = decode_secret(self._secret(receiver.secret) or "")
            check_url(receiver.url, private=self._private)
        except AddressRefused as error:
            remedy = "Use a public https address, or set SUTURE_PRIVATE_WEBHOOKS if an internal address is intended."
            return MessageAnswer("misconfigured", f"was not contacted: {error}", remedy)
        except ValueError as error:
            return MessageAnswer(
                "misconfigured", f"was not contacted: {error}", f"Set {receiver.secret} to the receiver's secret."
            )
        answered = await post(
            self._http,
            receiver.url,
            [key],
            number=str(message.id),
            body=self._wording.body(message),
            kind="application/json",
            now=self._clock.now(),
            private=self._private,
        )
        if answered.took_it:
            return MessageAnswer("delivered", "accepted it", said=answered.words)
        remedy = f"Ask its operator to fix the receiver, or correct the url of {message.to} in the catalogue."
        verdict: Verdict = "misconfigured" if answered.status in _GONE else "later"
        words = f"answered {answered.status}" if answered.status else f"can't be reached ({answered.words})"
        return MessageAnswer(verdict, words, remedy, answered.words)
