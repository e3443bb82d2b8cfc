// Those who sign in to the console: made and signed in over plain HTTP, so that a test's browser
// begins with their cookie.

const COOKIE = 'holdline_session';
export const PASSWORD = 'correct horse battery';

/** The first owner, by the set-up link; gives their cookie. */
export async function firstOwner(at, name = 'ada') {
  const token = new URL(at.setupUrl).searchParams.get('token');
  const answer = await post(at, '/console/setup', { token, name, password: PASSWORD });
  return cookieOf(answer, at);
}

/** Somebody else, made by the owner and signed in. */
export async function personWith(at, owner, role, name = role) {
  const given = { name, password: PASSWORD, role };
  const made = await post(at, '/console/users', given, { cookie: owner });
  if (made.status !== 303) throw new Error(`${name} was not made: ${made.status}`);
  return signedIn(at, name);
}

export async function signedIn(at, name, given = {}) {
  return cookieOf(await trySignIn(at, name, given), at);
}

/** The answer to a sign-in. */
export function trySignIn(at, name, given = {}) {
  return post(at, '/console/sign-in', { name, password: PASSWORD, code: '', ...given });
}

/** Sends a form as a browser does; redirects are not followed. */
export function post(at, path, fields, { cookie, headers = {} } = {}) {
  const held = cookie ? { cookie: `${cookie.name}=${cookie.value}` } : {};
  return fetch(at.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...held, ...headers },
    body: new URLSearchParams(fields),
  });
}

/** As a browser context takes it. */
function cookieOf(answer, at) {
  const value = new RegExp(`${COOKIE}=(\\w+)`).exec(answer.headers.get('set-cookie') ?? '')?.[1];
  if (answer.status !== 303 || !value) throw new Error(`no sign-in: ${answer.status}`);
  return { name: COOKIE, value, domain: new URL(at.url).hostname, path: '/console' };
}
