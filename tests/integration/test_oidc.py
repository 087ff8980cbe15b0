"""Signing in through an identity provider: against a real one, and as a careful relying party."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.integration.identity_provider import CLIENT, PUBLIC_CLIENT, SECRET, identity_provider, sign_in

from suture.access.oidc import Identity, OidcClient, Provider, ProviderRefused, Started, check_claims
from suture.core.clock import ManualClock
from suture.store.embedded import free_port

REDIRECT_URI = "https://suture.example/sign-in/provider/answer"


def now() -> ManualClock:
    """The time of the machine, which the provider goes by, until it is moved."""
    return ManualClock(datetime.now(UTC))


@asynccontextmanager
async def client_of(
    issuer: str, clock: ManualClock | None = None, *, client_id: str = CLIENT, secret: str = SECRET
) -> AsyncIterator[OidcClient]:
    provider = Provider(issuer=issuer, client_id=client_id, client_secret=secret)
    client = OidcClient(provider, REDIRECT_URI, clock or now())
    try:
        yield client
    finally:
        await client.close()


async def signed_in(client: OidcClient, login: str) -> Identity:
    started = await client.start()
    return await client.finish(started, await sign_in(started.url, login))


async def refused(client: OidcClient, started: Started, answer: dict[str, str]) -> str:
    """Why the answer is refused, in words without what is secret."""
    with pytest.raises(ProviderRefused) as caught:
        await client.finish(started, answer)
    said = str(caught.value)
    kept = [started.state, started.nonce, started.verifier, answer.get("code")]
    assert not [secret for secret in kept if secret and secret in said]
    return said


async def test_a_person_signs_in_and_we_learn_who() -> None:
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer) as client:
        assert await signed_in(client, "ada") == Identity(
            subject="ada", name="ada", full_name="Ada Lovelace", email="ada@example.org", roles=("finance",)
        )
        assert (await signed_in(client, "ben")).roles == ()


async def test_what_the_id_token_leaves_out_is_read_from_userinfo() -> None:
    async with identity_provider(REDIRECT_URI, in_id_token=False) as issuer, client_of(issuer) as client:
        ada = await signed_in(client, "ada")
        assert (ada.full_name, ada.email, ada.roles) == ("Ada Lovelace", "ada@example.org", ("finance",))
        with pytest.raises(ProviderRefused, match="another person"):
            await signed_in(client, "eve")


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA", "Ed25519"])
async def test_the_provider_signs_in_another_way(algorithm: str) -> None:
    async with identity_provider(REDIRECT_URI, algorithm=algorithm) as issuer, client_of(issuer) as client:
        assert (await signed_in(client, "ada")).subject == "ada"


async def test_a_signature_by_a_shared_secret_is_refused() -> None:
    async with identity_provider(REDIRECT_URI, algorithm="HS256") as issuer, client_of(issuer) as client:
        with pytest.raises(ProviderRefused, match=r"not signed as it must be \(unsupported_algorithm\)"):
            await signed_in(client, "ada")


async def test_new_keys_of_the_provider_are_fetched() -> None:
    port = free_port()
    async with client_of(f"http://127.0.0.1:{port}") as client:
        for _ in range(2):
            async with identity_provider(REDIRECT_URI, port=port):
                assert (await signed_in(client, "ada")).subject == "ada"


async def test_an_answer_to_something_else_is_refused() -> None:
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer) as client:
        started = await client.start()
        answer = dict(await sign_in(started.url, "ada"))
        assert "does not belong to a sign-in" in await refused(client, started, answer | {"state": "another"})
        assert "does not belong to a sign-in" in await refused(
            client, started, {"code": answer["code"], "iss": answer["iss"]}
        )
        assert "another identity provider than was asked" in await refused(
            client, started, answer | {"iss": "https://evil.example"}
        )
        unnamed = {name: told for name, told in answer.items() if name != "iss"}
        assert "another identity provider than was asked" in await refused(client, started, unnamed), (
            "it promised to name itself"
        )
        assert "without a code" in await refused(client, started, answer | {"code": ""})
        no = {"error": "access_denied", "error_description": "not one of ours"}
        assert "refused: access_denied (not one of ours)" in await refused(
            client, started, no | {name: answer[name] for name in ("state", "iss")}
        )
        assert (await client.finish(started, answer)).subject == "ada", "none of these reached the provider"


async def test_a_code_serves_once() -> None:
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer) as client:
        started = await client.start()
        answer = dict(await sign_in(started.url, "ada"))
        await client.finish(started, answer)
        assert "(invalid_grant): it was used before" in await refused(client, started, answer)


async def test_a_code_is_of_no_use_to_who_did_not_begin() -> None:
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer) as client:
        started = await client.start()
        answer = dict(await sign_in(started.url, "ada"))
        other = msgspec.structs.replace(started, verifier=(await client.start()).verifier)
        assert "(invalid_grant)" in await refused(client, other, answer)


async def test_an_identity_token_of_another_sign_in_is_refused() -> None:
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer) as client:
        started = await client.start()
        answer = dict(await sign_in(started.url, "ada"))
        other = msgspec.structs.replace(started, nonce=(await client.start()).nonce)
        assert "not for this sign-in: it belongs to another" in await refused(client, other, answer)


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        (timedelta(days=1), "has expired"),
        (timedelta(hours=1, minutes=2), "has expired"),
        (-timedelta(days=1), "issued in the future"),
    ],
)
async def test_an_identity_token_of_another_time_is_refused(moved: timedelta, said: str) -> None:
    clock = now()
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer, clock) as client:
        started = await client.start()
        answer = dict(await sign_in(started.url, "ada"))
        clock.advance(moved)
        assert said in await refused(client, started, answer)


@pytest.mark.parametrize("moved", [timedelta(hours=1, seconds=30), -timedelta(seconds=30)])
async def test_clocks_may_differ_a_little(moved: timedelta) -> None:
    clock = now()
    clock.advance(moved)
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer, clock) as client:
        assert (await signed_in(client, "ada")).subject == "ada"


async def test_a_wrong_secret_is_told() -> None:
    async with identity_provider(REDIRECT_URI) as issuer, client_of(issuer, secret="another") as client:
        started = await client.start()
        said = await refused(client, started, dict(await sign_in(started.url, "ada")))
        assert "(invalid_client): it does not know this client, or the client's secret is wrong" in said


async def test_a_client_without_a_secret_may_sign_people_in() -> None:
    async with (
        identity_provider(REDIRECT_URI) as issuer,
        client_of(issuer, client_id=PUBLIC_CLIENT, secret="") as client,
    ):
        assert (await signed_in(client, "ada")).subject == "ada"


async def test_an_issuer_that_is_away_is_told() -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    async with client_of(issuer) as client:
        with pytest.raises(
            ProviderRefused, match=rf"^the identity provider {issuer} does not answer as it should \(ConnectError\)$"
        ):
            await client.start()


async def test_what_another_issuer_publishes_is_refused() -> None:
    async with identity_provider(REDIRECT_URI) as issuer:
        other = issuer.replace("127.0.0.1", "localhost")
        async with client_of(other) as client:
            with pytest.raises(ProviderRefused, match=f"published at {other} belongs to another provider"):
                await client.start()


async def test_what_is_no_provider_is_told() -> None:
    async with identity_provider(REDIRECT_URI) as issuer, client_of(f"{issuer}/no") as client:
        with pytest.raises(ProviderRefused, match=r"does not answer as it should \(status 404\)"):
            await client.start()


@pytest.mark.parametrize("issuer", ["http://login.example", "ftp://127.0.0.1", "login.example", ""])
def test_only_what_is_encrypted_is_trusted(issuer: str) -> None:
    with pytest.raises(ProviderRefused, match="must be https"):
        OidcClient(Provider(issuer=issuer, client_id="suture"), REDIRECT_URI, now())


AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
GOOD = {"iss": "https://a.example", "aud": "suture", "sub": "1", "nonce": "n", "exp": AT.timestamp() + 60}
GOOD |= {"iat": AT.timestamp()}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"aud": ["suture"]}, None),
        ({"aud": ["suture", "other"], "azp": "suture"}, None),
        ({"aud": ["suture", "other"], "azp": "other"}, "for another application"),
        ({"aud": ["suture", "other"]}, "for another application"),
        ({"aud": "other"}, "for another application"),
        ({"aud": ["other"]}, "for another application"),
        ({"iss": "https://b.example"}, "is another identity provider's"),
        ({"nonce": None}, "lacks nonce"),
        ({"exp": None}, "lacks exp"),
        ({"exp": "never"}, "has expired"),
        ({"nbf": AT.timestamp() + 61}, "not valid yet"),
        ({"sub": None}, "lacks sub"),
        ({"sub": 1}, "its sub can't be read"),
    ],
)
def test_what_an_identity_token_claims(changed: dict[str, object], said: str | None) -> None:
    provider = Provider(issuer="https://a.example", client_id="suture")
    if said is None:
        check_claims(GOOD | changed, provider, "n", AT)
        return
    with pytest.raises(ProviderRefused, match=said):
        check_claims(GOOD | changed, provider, "n", AT)
