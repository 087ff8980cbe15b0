"""Signing in through an identity provider: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).

The protocol's parts are authlib's and joserfc's; what is checked, and against what, is here. Every refusal says why in
words for an administrator, and never a code, a token or a secret.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote_plus, urlsplit

import httpx2
import msgspec
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError, MissingClaimError, UnsupportedAlgorithmError
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jws import JWSRegistry

from suture.access.tokens import new_secret
from suture.core.clock import Clock

_SECONDS = 10
_LEEWAY_SECONDS = 60
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""Asymmetric ones only: what everybody may know must never do to sign."""

_GIVEN_CLAIMS = ("preferred_username", "name", "email")
_NOT_FOR_THIS = "the identity token is not for this sign-in"
_CLOCKS = "compare this machine's clock with the identity provider's"
_WRONG = {
    "exp": f"it has expired: begin again, and if that does not help, {_CLOCKS}",
    "iat": f"it was issued in the future: {_CLOCKS}",
    "nbf": f"it is not valid yet: {_CLOCKS}",
    "nonce": "it belongs to another sign-in: begin again",
    "aud": "it is for another application",
    "iss": "it is another identity provider's",
}
_NOT_HONOURED = {
    "invalid_grant": "it was used before, is too old, or belongs to another sign-in: begin again",
    "invalid_client": "it does not know this client, or the client's secret is wrong",
    "unauthorized_client": "this client may not sign people in there",
}


class ProviderRefused(Exception):
    """The provider, or what it said, can't be trusted to say who signs in; the message says why, and no secret."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An identity provider, and what Suture is to it. Without a `client_secret` it is a public client. `roles_claim` is
    where the provider tells a person's roles."""

    issuer: str
    client_id: str
    client_secret: str = ""
    roles_claim: str = "roles"
    scope: str = "openid profile email"


class Started(msgspec.Struct, frozen=True):
    """A sign-in under way: where to send the browser, and what its answer must fit."""

    url: str
    state: str
    nonce: str
    verifier: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in. `subject` is the provider's own id, `name` what it calls them."""

    subject: str
    name: str
    full_name: str
    email: str
    roles: tuple[str, ...]


class _Published(msgspec.Struct, frozen=True):
    """What a provider publishes of itself (OpenID Connect Discovery 1.0, section 3), as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None

    def check(self, issuer: str) -> None:
        """A document that names another issuer would let that one answer in this one's place."""
        if self.issuer != issuer:
            raise ProviderRefused(
                f"the document published at {issuer} belongs to another provider: {self.issuer[:200]}"
            )
        for url in (self.authorization_endpoint, self.token_endpoint, self.jwks_uri, self.userinfo_endpoint):
            _check_address(url or issuer)


class _Signatures(JWSRegistry):
    """Takes our algorithms alone. joserfc's own would warn of ``EdDSA``, which providers still write, and refuse
    headers that it does not know, which RFC 7515 tells to ignore."""

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in _ALGORITHMS:
            raise UnsupportedAlgorithmError(f"algorithm '{name}' is not allowed")
        return self.algorithms[name]


class OidcClient:
    """A relying party of one provider. What it publishes of itself is read once, its keys again for one not known."""

    def __init__(self, provider: Provider, redirect_uri: str, clock: Clock) -> None:
        _check_address(provider.issuer)
        self._provider = provider
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._tls = httpx2.create_ssl_context()
        self._http = httpx2.AsyncClient(timeout=_SECONDS, verify=self._tls)
        self._published: _Published | None = None
        self._keys: KeySet | None = None

    async def close(self) -> None:
        await self._http.aclose()

    async def start(self) -> Started:
        """Begin: `url` is where the browser goes. Keep the rest until it comes back. Raises `ProviderRefused`."""
        published = await self._discover()
        state, nonce, verifier = new_secret(), new_secret(), new_secret()
        async with self._oauth(published) as oauth:
            url, _ = oauth.create_authorization_url(
                published.authorization_endpoint, state=state, code_verifier=verifier, nonce=nonce
            )
        return Started(url, state, nonce, verifier)

    async def finish(self, started: Started, answer: Mapping[str, str]) -> Identity:
        """Who it was, by the parameters with which the browser came back. Raises `ProviderRefused`."""
        published = await self._discover()
        _check_answer(started, answer, published)
        tokens = await self._exchange(started, answer["code"], published)
        claims = await self._verified(tokens["id_token"], published)
        check_claims(claims, self._provider, started.nonce, self._clock.now())
        return _identity(await self._completed(claims, tokens, published), self._provider.roles_claim)

    async def _exchange(self, started: Started, code: str, published: _Published) -> dict[str, Any]:
        try:
            async with self._answering(), self._oauth(published) as oauth:
                tokens: dict[str, Any] = await oauth.fetch_token(
                    published.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=started.verifier,
                )
        except OAuthError as error:
            why = _NOT_HONOURED.get(error.error, "it gives no details")
            raise ProviderRefused(f"the identity provider rejected the code ({error.error}): {why}") from error
        if not isinstance(tokens.get("id_token"), str):
            raise ProviderRefused("the identity provider gave no identity token: is `openid` among the scopes?")
        return tokens

    async def _verified(self, token: str, published: _Published) -> dict[str, Any]:
        """The claims of a token that the provider signed. Providers change their keys now and then: those kept are
        read again for one that is not among them, once."""
        try:
            try:
                return _opened(token, await self._key_set(published))
            except InvalidKeyIdError:
                self._keys = None
                return _opened(token, await self._key_set(published))
        except (JoseError, ValueError, KeyError) as error:
            why = error.error if isinstance(error, JoseError) else type(error).__name__
            raise ProviderRefused(f"the identity token is not signed as it must be ({why})") from error

    async def _key_set(self, published: _Published) -> KeySet:
        if self._keys is None:
            told = await self._json(published.jwks_uri)
            self._keys = KeySet.import_key_set(cast(KeySetSerialization, told))
        return self._keys

    async def _completed(self, claims: dict[str, Any], tokens: dict[str, Any], published: _Published) -> dict[str, Any]:
        """The claims, and from userinfo those that an ID token may leave to it (OpenID Connect Core 1.0, 5.4)."""
        missing = [name for name in (*_GIVEN_CLAIMS, self._provider.roles_claim) if name not in claims]
        access_token = tokens.get("access_token")
        if not missing or not published.userinfo_endpoint or not access_token:
            return claims
        told = await self._json(published.userinfo_endpoint, f"Bearer {access_token}")
        if told.get("sub") != claims["sub"]:
            raise ProviderRefused("the identity provider describes another person than the one who signed in")
        return claims | {name: told[name] for name in missing if name in told}

    async def _discover(self) -> _Published:
        if self._published is None:
            issuer = self._provider.issuer
            told = await self._json(issuer.rstrip("/") + "/.well-known/openid-configuration")
            try:
                published = msgspec.convert(told, _Published)
            except msgspec.ValidationError as error:
                raise ProviderRefused(
                    f"{issuer} does not publish the metadata that an identity provider must: {error}"
                ) from error
            published.check(issuer)
            self._published = published
        return self._published

    async def _json(self, url: str, authorization: str = "") -> dict[str, Any]:
        headers = {"Accept": "application/json"} | ({"Authorization": authorization} if authorization else {})
        async with self._answering():
            response = await self._http.get(url, headers=headers)
            response.raise_for_status()
            told = response.json()
            if not isinstance(told, dict):
                raise ValueError("not an object")
            return told

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Bounds a whole exchange, for the client's own timeout starts anew with every byte; says what went wrong."""
        try:
            async with asyncio.timeout(_SECONDS):
                yield
        except httpx2.HTTPStatusError as error:
            raise self._away(f"status {error.response.status_code}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError) as error:
            raise self._away(type(error).__name__) from error

    def _away(self, why: str) -> ProviderRefused:
        return ProviderRefused(f"the identity provider {self._provider.issuer} does not answer as it should ({why})")

    def _oauth(self, published: _Published) -> AsyncOAuth2Client:
        """A client for one sign-in: authlib's keeps the token that it fetched, which is one person's."""
        made = AsyncOAuth2Client(
            self._provider.client_id,
            self._provider.client_secret or None,
            scope=self._provider.scope,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method=self._auth_method(published),
            timeout=_SECONDS,
            verify=self._tls,
        )
        made.register_client_auth_method(("client_secret_basic", _basic))
        return made

    def _auth_method(self, published: _Published) -> str:
        """How to tell the secret: as OAuth has it where nothing else is said, or in the body where only that is."""
        if not self._provider.client_secret:
            return "none"
        supported = published.token_endpoint_auth_methods_supported or ["client_secret_basic"]
        return "client_secret_basic" if "client_secret_basic" in supported else "client_secret_post"


def _basic(client: Any, method: str, uri: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
    """HTTP Basic as RFC 6749, section 2.3.1, has it: form-encoded first, or a secret with a ``%`` or ``+`` is wrong."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return uri, headers, body


def _check_address(url: str) -> None:
    """What goes over a network is encrypted; loopback, for trying things out, need not be."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ProviderRefused(f"the identity provider's address must be https: {url[:200]}")


def _check_answer(started: Started, answer: Mapping[str, str], published: _Published) -> None:
    """The browser's answer is to what was begun here, and from whom was asked (RFC 9207)."""
    if answer.get("state") != started.state:
        raise ProviderRefused("this response does not belong to a sign-in that began here: begin again")
    unnamed = "" if published.authorization_response_iss_parameter_supported else published.issuer
    if answer.get("iss", unnamed) != published.issuer:
        raise ProviderRefused("the response comes from another identity provider than was asked")
    if "error" in answer:
        more = f" ({answer['error_description'][:200]})" if answer.get("error_description") else ""
        raise ProviderRefused(f"the identity provider refused: {answer['error'][:60]}{more}")
    if not answer.get("code"):
        raise ProviderRefused("the identity provider answered without a code")


def _opened(token: str, keys: KeySet) -> dict[str, Any]:
    return jwt.decode(token, keys, registry=_Signatures()).claims


def check_claims(claims: dict[str, Any], provider: Provider, nonce: str, now: datetime) -> None:
    """The ID token is from this provider, for us, of this sign-in, and valid now (Core 1.0, section 3.1.3.7). Raises
    `ProviderRefused`."""
    registry = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        registry.validate(claims)
    except MissingClaimError as error:
        raise ProviderRefused(f"{_NOT_FOR_THIS}: it lacks {error.claim}") from error
    except ClaimError as error:
        why = _WRONG.get(error.claim, f"its {error.claim} can't be read")
        raise ProviderRefused(f"{_NOT_FOR_THIS}: {why}") from error
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != provider.client_id:
        raise ProviderRefused(f"{_NOT_FOR_THIS}: {_WRONG['aud']}")


def _identity(claims: Mapping[str, Any], roles_claim: str) -> Identity:
    name = _text(claims, "preferred_username", "email", "sub")
    roles = claims.get(roles_claim)
    known = isinstance(roles, list) and all(isinstance(role, str) for role in roles)
    return Identity(
        subject=claims["sub"],
        name=name,
        full_name=_text(claims, "name") or name,
        email=_text(claims, "email"),
        roles=tuple(cast(list[str], roles)) if known else (),
    )


def _text(claims: Mapping[str, Any], *names: str) -> str:
    """The first of these claims that is a text."""
    return next((told for name in names if isinstance(told := claims.get(name), str) and told), "")
