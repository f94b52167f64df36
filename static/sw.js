// The worker: what is held here is answered from here, first and always; all else from the network.
// One function per family of addresses, after the listeners. device.js decides what is held.

const PLAN = /^\/plans\/([0-9a-f-]{36})(\/emergency)?$/;
const PICTURE = /^\/plans\/([0-9a-f-]{36})\/files\/([0-9a-f]{64})\.jpg$/;
const ASSET = /^\/static\/.*\.([0-9a-f]{12,64})\.(\w+)$/; // a name carries the hash of what it names
const TYPES = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', png: 'image/png' };
const ENTRY = /^\/(sign-in|sign-up|demo\/.+)$/; // where somebody signs in
const LEAFLET = /^\/pai(\/questions)?$/;
const SHELL_CACHE = `shell-${Object.values(PAGES).map((hash) => hash.slice(0, 16)).join('-')}`;
let posted = false; // something was sent just now: the next page waits for what it changed

addEventListener('install', (event) => event.waitUntil(install()));
addEventListener('activate', (event) => event.waitUntil(activate()));
addEventListener('message', (event) => event.waitUntil(heard(event)));
addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin || url.searchParams.has('live')) return undefined;
  if (request.method === 'POST') return post(event, url);
  if (request.method !== 'GET' || request.headers.has('HX-Request')) return undefined; // a fragment is never a page
  if (request.mode === 'navigate') return event.respondWith(page(event, url));
  if (PICTURE.test(url.pathname)) return event.respondWith(image(request, url));
  if (ASSET.test(url.pathname)) return event.respondWith(asset(request, url));
  return undefined;
});

// ── life ─────────────────────────────────────────────────────────────────────────────────────────

// The shell only: every file named and hashed by the server. No skipWaiting: see `relieve`.
async function install() {
  await stock(SHELL_CACHE, PAGES);
  await stock(ASSETS, SHELL);
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith('shell-') && name !== SHELL_CACHE) await caches.delete(name);
  }
  await clients.claim();
}

// A newer worker takes over between two pages, never while an emergency is on a screen.
async function relieve() {
  if (!registration.waiting) return;
  const open = await clients.matchAll({ type: 'window' });
  if (open.some(({ url }) => new URL(url).pathname.endsWith('/emergency'))) return;
  registration.waiting.postMessage({ ask: 'take over' });
}

// ── messages ─────────────────────────────────────────────────────────────────────────────────────

// What pages may ask. WORKER is the number of this set: offline.md 9.
const ASKED = {
  enrol: (said) => enrol(said).catch(() => ({ refused: 'offline' })),
  sync: async () => {
    await contact();
    const me = await device();
    const heads = await all('heads');
    return { state: me?.state, ready: heads.length > 0, missing: me?.want.length };
  },
  stamp: async ({ path }) => {
    if (await sweep()) await tell();
    if (await overdue()) await contact();
    await relieve();
    return shown(path);
  },
  write: ({ entry }) => write(entry),
  written,
  choose: ({ by }) => choose(by),
  who: async () => {
    const me = await device();
    return me?.device ? chosen(me) : null;
  },
  condition,
  'put away': ({ id }) => putAway(id),
  'take over': () => skipWaiting(),
};

async function heard({ data, ports }) {
  const answer = await ASKED[data.ask]?.(data);
  ports[0]?.postMessage(answer ?? null);
  if (answer?.kept) await contact();
}

// What the page at this address would say now, and the hash of what it would be.
async function shown(path) {
  const me = await device();
  const [kind, plan] = held(path, me);
  const found = kind && me ? await opened(me, plan).catch(damagedOnly) : null;
  return found && { ...(await stamp(me, found)), page: inLanguage(found.pack, kind, me) };
}

async function contact() {
  const changed = await sync().catch(() => false); // no network is no news
  if (changed) await tell();
}

async function tell() {
  for (const client of await clients.matchAll({ type: 'window' })) client.postMessage('changed');
}

// ── pages ────────────────────────────────────────────────────────────────────────────────────────

// Which held page an address is: its kind and plan, or nothing.
function held(path, me) {
  if (path === (me?.kind === 'family' ? '/' : '/nursery')) return ['board'];
  if (path === '/nursery/emergency') return ['another'];
  const [, plan, emergency] = PLAN.exec(path) ?? [];
  return plan ? [emergency ? 'emergency' : 'plan', plan] : [];
}

async function page(event, url) {
  const me = await settled().catch(() => null);
  if (me?.device) {
    const [kind, plan] = held(url.pathname, me);
    if (me.kind === 'family' && kind === 'board') {
      return network(event.request, 4000).catch(async () => (await copyOf(event, kind)) ?? offline(url));
    }
    if (url.pathname === '/' && me.state === 'active') return moved('/nursery');
    const copy = kind && (await copyOf(event, kind, plan));
    if (copy) return copy;
  }
  event.waitUntil(relieve());
  return network(event.request).catch(() => offline(url));
}

// What comes before any copy is shown: a pass ends by its own clock; on a guardian's phone nothing shows
// while somebody else may have signed in, and a sign-out without network is told first.
async function settled() {
  let me = await device();
  if (me?.ends) await sweep();
  if (me?.leaving || me?.doubt) {
    await Promise.race([contact(), pause(4000)]);
    me = await device();
  }
  return me?.doubt ? null : me;
}

// The copy, checked; once more after a sync if it is damaged; then a card that says so.
async function copyOf(event, kind, plan) {
  if (posted) await Promise.race([contact(), pause(4000)]);
  posted = false;
  for (let tries = 2; tries >= 0; tries -= 1) {
    try {
      const copy = await read(await device(), kind, plan);
      const noted = copy && plan ? opening(kind, plan).catch(() => {}) : Promise.resolve();
      event.waitUntil(noted.then(sweep).then(contact));
      return copy && respond(copy.html, 'text/html; charset=utf-8', 200, copy.headers);
    } catch (error) {
      if (!(error instanceof Damaged)) return null; // the store cannot be opened: ask the network
      await want(error.hash);
      if (tries) await Promise.race([contact(), pause(2000)]);
    }
  }
  return offline(null, 'damaged');
}

// A navigation may not carry options, so the time-out is a race. A stale cookie is renewed by a sync.
async function network(request, most = 10_000) {
  const fetched = () => Promise.race([fetch(request), pause(most).then(() => Promise.reject(new Error('slow')))]);
  const answer = await fetched();
  if (answer.headers.get('Device') !== 'stale') return answer;
  await contact();
  return fetched();
}

// A page of the shell: five languages, no name in it. The PAI's is whole; the other says why it is
// shown, on an enrolled device with one sentence more.
async function offline(url, why = 'missing') {
  if (LEAFLET.test(url?.pathname)) return shell('/pai/offline', 200);
  const said = await Promise.all([reason(url, why), queued()]).catch(() => []);
  return shell('/offline', 503, said.filter(Boolean).join(' '));
}

async function shell(name, status, sentence) {
  const kept = await (await caches.open(SHELL_CACHE)).match(name);
  const bytes = await kept?.arrayBuffer();
  if (!bytes || (await sha256(bytes)) !== PAGES[name]) return Response.error();
  let html = new TextDecoder().decode(bytes);
  if (sentence) html = stamped(html, { tone: 't-red', sentence });
  return respond(html, 'text/html; charset=utf-8', status);
}

async function reason(url, why) {
  const me = await device();
  const say = me && (await words(me, await overview(me)));
  const [, plan] = url ? held(url.pathname, me) : [];
  if (!say || (url && !plan)) return null;
  const copy = plan && (await get('copies', plan));
  return copy?.erased ? filled(say.erased, dated(new Date(copy.erased))) : say[why];
}

// How much waits here until it can be sent.
async function queued() {
  const me = await device();
  const say = me && (await words(me, await overview(me)));
  const n = (await all('outbox')).filter(waits).length;
  return n && say ? filled(n === 1 ? say.waits : say.wait, { n }) : null;
}

// ── files ────────────────────────────────────────────────────────────────────────────────────────

async function image(request, url) {
  const [, plan, hash] = PICTURE.exec(url.pathname);
  try {
    const me = await device();
    const bytes = me && !me.doubt && (await picture(me, plan, hash));
    if (bytes) return respond(bytes, 'image/jpeg');
  } catch (error) {
    if (error instanceof Damaged) await want(error.hash);
  }
  return network(request).catch(() => respond(null, 'text/plain', 503));
}

async function asset(request, url) {
  const [, mark, ending] = ASSET.exec(url.pathname);
  const cache = await caches.open(ASSETS);
  const kept = await cache.match(url.pathname);
  const named = async (answer) => {
    const bytes = await answer.arrayBuffer();
    return (await sha256(bytes)).startsWith(mark) && bytes;
  };
  const bytes = kept && (await named(kept));
  if (bytes) return respond(bytes, TYPES[ending]);
  const fresh = await network(request).catch(() => respond(null, 'text/plain', 503));
  const again = kept && fresh.ok && (await named(fresh.clone())); // somebody changed ours: mend it
  if (again) await cache.put(url.pathname, new Response(again));
  return fresh;
}

// ── what is sent ─────────────────────────────────────────────────────────────────────────────────

function post(event, url) {
  if (url.pathname === '/language') return event.respondWith(language(event));
  if (url.pathname === '/events') return event.respondWith(events(event));
  if (url.pathname === '/sign-out') return event.respondWith(signOut(event));
  posted = true;
  if (ENTRY.test(url.pathname)) return event.respondWith(signIn(event));
  if (event.request.mode !== 'navigate') return undefined; // htmx says itself what was not sent
  return event.respondWith(fetch(event.request).catch(() => offline(null, 'unsent')));
}

// The device keeps its own language; the person's is told if the network is there.
async function language(event) {
  const me = await device().catch(() => null);
  const back = new URL(event.request.referrer || 'https://elsewhere.invalid');
  if (me?.state !== 'active' || back.origin !== location.origin) {
    return fetch(event.request).catch(() => offline(null, 'unsent'));
  }
  const form = await event.request.formData();
  await amend((me) => { me.language = form.get('language'); });
  event.waitUntil(fetch('/language', { method: 'POST', body: new URLSearchParams(form) }).catch(() => {}));
  return moved(back.pathname);
}

// Into the queue, whether a script sends it or a plain form, whose other fields are the body.
async function events(event) {
  const { request } = event;
  const me = await device().catch(() => null);
  if (!me?.device) return fetch(request).catch(() => offline(null, 'unsent'));
  const script = request.mode !== 'navigate';
  const said = script ? await request.json() : await fromForm(request);
  const { next, ...entry } = said;
  const { kept, why } = await write(entry);
  if (kept) event.waitUntil(contact());
  if (script) return respond(JSON.stringify({ kept, why }), 'application/json', kept ? 202 : 507);
  const back = new URL(next ?? '/', location.href);
  return kept && back.origin === location.origin ? moved(back.pathname) : offline(null, 'unsent');
}

async function fromForm(request) {
  const { id, kind, by, plan, incident, drill, next, ...body } = Object.fromEntries(await request.formData());
  const named = Object.fromEntries(Object.entries({ by, plan, incident }).filter(([, value]) => value));
  return { ...named, id: id || crypto.randomUUID(), kind, drill: Boolean(drill), next, body };
}

// A guardian's own phone erases with its owner's sign-out, at once; the service is told when it can be.
async function signOut({ request }) {
  const me = await device().catch(() => null);
  if (me?.kind !== 'family') return fetch(request).catch(() => offline(null, 'unsent'));
  const say = await words(me, await overview(me));
  await amend((me) => { me.leaving = true; });
  await erase(me, (await all('copies')).filter(({ roll }) => roll).map(({ plan }) => plan), true);
  return fetch(request).catch(() => shell('/offline', 503, say?.left));
}

// Perhaps somebody else: on a guardian's phone no copy shows from here on until a signed head came.
async function signIn({ request }) {
  const before = await device().catch(() => null);
  const doubt = (value) => before?.kind === 'family' && amend((me) => { me.doubt = value; });
  await doubt(true);
  const answer = await fetch(request).catch(() => null);
  if (!answer || answer.status >= 400) await doubt(before?.doubt ?? false);
  return answer ?? (request.mode === 'navigate' ? offline(null, 'unsent') : Response.error());
}

// ── answers ──────────────────────────────────────────────────────────────────────────────────────

// Every answer the worker builds carries the headers that the server sets: there is one policy.
function respond(body, type, status = 200, headers = HEADERS) {
  return new Response(body, { status, headers: type ? { ...headers, 'Content-Type': type } : headers });
}

const moved = (path) => respond(null, '', 303, { ...HEADERS, Location: path });
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
