"""How people are told what waits for them: the ways out that the catalogue gives, and the worker's loop."""

import aiohttp

from suture.bootstrap.composition import Foundation
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.notify.mail import MailWay
from suture.notify.port import Way
from suture.notify.sender import Sender
from suture.notify.watcher import Watcher
from suture.notify.webhook import WebhookWay
from suture.notify.wording import Wording
from suture.outbound.posting import calling_out
from suture.store.recorder import Recorder


async def notify(base: Foundation, records: Recorder) -> None:
    """Tell people what waits for them, by the catalogue's rules, until cancelled."""
    async with calling_out(private=base.settings.private_webhooks) as http:
        sender = Sender(
            database=base.database,
            recorder=records,
            watcher=Watcher(base.database, base.catalogue, base.clock),
            ways=ways(base, http),
            clock=base.clock,
        )
        await sender.run()


def ways(base: Foundation, http: aiohttp.ClientSession) -> dict[str, Way]:
    """The ways by which people are told, as far as the catalogue gives them."""
    told, secrets, private = base.catalogue.notifications, base.secrets, base.settings.private_webhooks
    wording = _wording(base.catalogue, base.settings)
    hooks = WebhookWay(told.webhooks, secrets.find, wording, base.clock, http, private=private)
    mail = mail_way(base.catalogue, base.settings, secrets)
    return {"webhook": hooks} if mail is None else {"webhook": hooks, "mail": mail}


def mail_way(catalogue: Catalogue, settings: Settings, secrets: Secrets) -> MailWay | None:
    """The way by e-mail, where the catalogue names a server."""
    server = catalogue.notifications.mail
    if server is None:
        return None
    return MailWay(server, lambda: secrets.find(server.secret or ""), _wording(catalogue, settings))


def _wording(catalogue: Catalogue, settings: Settings) -> Wording:
    return Wording(catalogue.organisation.id, settings.console_address)
