// A real OpenID provider for tests: npm's oidc-provider, found where MODULES says, with its own pages to sign in.
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { MODULES, PORT, REDIRECT_URI, CLIENT_ID, CLIENT_SECRET, PUBLIC_CLIENT_ID, ALGORITHM, IN_ID_TOKEN } = process.env;
const { resolve } = createRequire(pathToFileURL(`${MODULES}/`));
const { Provider } = await import(pathToFileURL(resolve('oidc-provider')).href);

const people = {
  ada: { name: 'Ada Lovelace', roles: ['finance'] },
  ben: { name: 'Ben Nobody', roles: [] },
  eve: { name: 'Eve', roles: ['finance'] },
};

const findAccount = (ctx, id) => people[id] && {
  accountId: id,
  claims: () => ({ sub: id, preferred_username: id, email: `${id}@example.org`, ...people[id] }),
};

// New keys with every start: who kept the old ones has to look again.
const key = (kind, options) => generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' });
const keys = [
  key('rsa', { modulusLength: 2048 }), key('ec', { namedCurve: 'P-256' }), key('ed25519'),
].map((one) => ({ ...one, use: 'sig' }));

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    redirect_uris: [REDIRECT_URI],
    id_token_signed_response_alg: ALGORITHM,
  }, {
    client_id: PUBLIC_CLIENT_ID, token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT_URI],
  }],
  claims: { openid: ['sub', 'roles'], profile: ['name', 'preferred_username'], email: ['email'] },
  conformIdTokenClaims: IN_ID_TOKEN !== 'true',
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519', 'HS256'] },
  pkce: { required: () => true },
  cookies: { keys: ['a key for tests'] },
  jwks: { keys },
  findAccount,
});

provider.use(async (ctx, next) => {
  await next();
  if (ctx.oidc?.route === 'userinfo' && ctx.body.sub === 'eve') ctx.body.sub = 'ada'; // tells of another person
  if (typeof ctx.body === 'string') ctx.body = ctx.body.replace(/@import url\([^)]*\);/g, ''); // fonts from far away
});

process.stdin.resume().on('end', () => process.exit()); // ends with who started it, however that ended
provider.listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
