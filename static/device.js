// A device's half of the protocol: keeps copies sealed, believes only what a signed head names, syncs.
// No DOM. Runs in the worker, behind HEADERS, PAGES, SHELL, KEYS and WORKER, which the server puts before it.
// Order: bytes, store, trust, reading a copy, its age, erasing, syncing, swapping, enrolling.

const PROTOCOL = 1;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIB = 1 << 20;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const ASSETS = 'assets';
const OVER = ['revoked', 'lost', 'ended', 'replaced']; // states of a device that may hold nothing more
const TEXT = /^(photo$|.*\.)/; // names in a pack that must be here before it is used; scans may follow

// A copy that is not what was signed, or not there at all. `hash` is what to ask for anew.
class Damaged extends Error {
  constructor(hash) {
    super('damaged');
    this.hash = hash;
  }
}

// ── bytes ────────────────────────────────────────────────────────────────────────────────────────

const utf8 = (text) => new TextEncoder().encode(text);
const fromBase64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const toBase64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const toHex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
const sha256 = async (bytes) => toHex(await crypto.subtle.digest('SHA-256', bytes));
const gunzip = (bytes) => new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();

// ── store ────────────────────────────────────────────────────────────────────────────────────────

const STORES = { device: 'id', heads: 'roll', copies: 'plan', blobs: 'hash', outbox: 'id' };
let connection;

function connect() {
  connection ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open('kannerplang', 1);
    asked.onupgradeneeded = () => {
      const known = asked.result.objectStoreNames; // stores are added, none is ever taken away
      for (const [name, keyPath] of Object.entries(STORES)) {
        if (!known.contains(name)) asked.result.createObjectStore(name, { keyPath });
      }
    };
    asked.onsuccess = () => {
      asked.result.onversionchange = disconnect;
      asked.result.onclose = disconnect;
      resolve(asked.result);
    };
    asked.onerror = () => reject(asked.error);
  });
  return connection;
}

function disconnect() {
  connection?.then((open) => open.close(), () => {});
  connection = undefined;
}

// `work` gets the stores and may only make requests: an await inside would let the transaction end.
// 'strict' waits for the disk: for what must survive a power cut, such as keys, copies and their end.
async function transact(mode, names, work, again = true) {
  try {
    const open = await connect();
    return await new Promise((resolve, reject) => {
      const how = mode === 'strict' ? ['readwrite', { durability: 'strict' }] : [mode];
      const transaction = open.transaction(names, ...how);
      transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
      try {
        const asked = work(...names.map((name) => transaction.objectStore(name)));
        transaction.oncomplete = () => resolve(asked?.result);
      } catch (error) {
        transaction.abort(); // half a change is none
        throw error;
      }
    });
  } catch (error) {
    disconnect(); // iOS drops the connection of an app in the background: open it once more
    if (!again || error.name === 'QuotaExceededError') throw error;
    return transact(mode, names, work, false);
  }
}

const get = (name, key) => transact('readonly', [name], (rows) => rows.get(key));
const all = (name) => transact('readonly', [name], (rows) => rows.getAll());
const device = () => get('device', 'me');
const amend = (change) => transact('readwrite', ['device'], (rows) => amended(rows, change));

function amended(rows, change) {
  const asked = rows.get('me');
  asked.onsuccess = () => {
    if (!asked.result) return;
    change(asked.result);
    rows.put(asked.result);
  };
  return asked;
}

// Sealed for this device and for one place only, named by the associated data.
async function boxed(me, about, bytes) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const box = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(about) }, me.seal, bytes);
  return { iv, box };
}

const unboxed = (me, about, { iv, box }) =>
  crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: utf8(about) }, me.seal, box);

// A row for the store; null if the bytes are not what they are called. The associated data is the hash
// itself, so that one blob can never pass for another.
async function sealed(me, hash, bytes) {
  if ((await sha256(bytes)) !== hash) return null;
  return { hash, ...(await boxed(me, hash, bytes)), at: Date.now() };
}

async function unsealed(me, hash) {
  const row = await get('blobs', hash);
  try {
    const bytes = await unboxed(me, hash, row);
    if ((await sha256(bytes)) === hash) return bytes;
  } catch {
    // edited, swapped, sealed by another key, or missing: all the same to the reader
  }
  throw new Damaged(hash);
}

async function json(me, hash) {
  const value = JSON.parse(await gunzip(await unsealed(me, hash)));
  if (value.v === PROTOCOL && (value.worker ?? 0) <= WORKER) return value;
  self.registration?.update(); // written for a newer worker: leave it alone until that one is here
  throw new Error('unknown version');
}

// Assets are public and named by their content, so they lie in a cache, unsealed.
async function stock(name, wanted) {
  const cache = await caches.open(name);
  for (const [url, hash] of Object.entries(wanted)) {
    if (await cache.match(url)) continue; // checked on every read
    const answer = await fetch(url, { cache: 'reload', credentials: 'omit', redirect: 'error' });
    const bytes = await answer.arrayBuffer();
    if (!answer.ok || (await sha256(bytes)) !== hash) throw new Error(`${url} is not what was listed`);
    await cache.put(url, new Response(bytes));
  }
}

// ── trust ────────────────────────────────────────────────────────────────────────────────────────

const imported = (all) =>
  Promise.all(all.map((key) => crypto.subtle.importKey('raw', fromBase64(key), CURVE, false, ['verify'])));
const keys = imported(KEYS); // sign answers
const former = imported([...KEYS, ...FORMER]); // may have signed what is kept here

// The head in a record, when one of these keys signed it for this device; else null.
async function believed(me, record, trusted = former) {
  try {
    const signed = utf8(`kannerplang-head-1\n${record.head}`);
    for (const key of await trusted) {
      if (!(await crypto.subtle.verify(CURVE, key, fromBase64(record.sig), signed))) continue;
      const head = JSON.parse(record.head);
      return head.v === PROTOCOL && head.device === me.device ? { ...head, at: record.at } : null;
    }
  } catch {
    // not a record of ours
  }
  return null;
}

// Every believed head, newest first, and the rolls they name. More than one only while a copy is kept
// that the newest roll does not give.
async function overview(me) {
  const found = await Promise.all((await all('heads')).map((row) => believed(me, row)));
  const heads = found.filter(Boolean).sort((one, other) => other.seq - one.seq);
  const rolls = new Map();
  for (const { roll } of heads) rolls.set(roll, await json(me, roll).catch(() => null));
  return { heads, rolls };
}

// What the chain says of one copy: the head that gave it, its line there, the newest head's word on it.
function standing({ heads, rolls }, { plan, roll }) {
  const giver = heads.find((head) => head.roll === roll);
  if (!giver) throw new Damaged(''); // no such head: the newest roll has to be taken into use again
  if (!rolls.get(roll)) throw new Damaged(roll);
  const line = rolls.get(roll).children.find(([id, , pack]) => id === plan && pack);
  if (!line) throw new Damaged('');
  const newest = rolls.get(heads[0].roll) ? heads[0] : giver;
  const word = rolls.get(newest.roll).children.find(([id]) => id === plan);
  return { giver, newest, line, word, roll: rolls.get(roll) };
}

// ── reading a copy ───────────────────────────────────────────────────────────────────────────────

// The pack of a plan (or of the board, without `plan`) and its standing; null when it is not held.
async function opened(me, plan) {
  const copy = plan && (await get('copies', plan));
  if (plan && !copy?.roll) return null;
  const view = await overview(me);
  if (plan) {
    const found = standing(view, copy);
    const pack = await json(me, found.line[2]);
    if (pack.plan !== plan || pack.version !== found.line[1]) throw new Damaged(found.line[2]);
    return { ...found, pack, view };
  }
  const found = boardOf(view);
  if (found && !found.roll) throw new Damaged(found.giver.roll);
  return found?.roll.common ? { ...found, pack: await json(me, found.roll.common), view } : null;
}

function boardOf({ heads: [newest], rolls }) {
  return newest ? { giver: newest, newest, roll: rolls.get(newest.roll) } : null;
}

// A page as it will be answered: checked, in the device's language, its age in the status line.
async function read(me, kind, plan) {
  const found = await opened(me, plan);
  if (!found) return null;
  const hash = inLanguage(found.pack, kind, me);
  const html = await gunzip(await unsealed(me, hash));
  return { html: stamped(html, await stamp(me, found), hash), headers: found.roll.headers };
}

const inLanguage = ({ pages }, kind, me) => pages[`${kind}.${me.language}`] ?? pages[`${kind}.fr`];

async function picture(me, plan, hash) {
  const found = await opened(me, plan);
  return found && Object.values(found.pack.files).includes(hash) ? unsealed(me, hash) : null;
}

// The sentences of the device's language, from the newest roll that can be read.
async function words(me, { heads, rolls }) {
  for (const { roll } of heads) {
    const common = await json(me, rolls.get(roll)?.common).catch(() => null);
    if (common?.words[me.language]) return common.words[me.language];
  }
  return null;
}

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
const filled = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function stamped(html, { tone, sentence, today = '' }, hash = '') {
  return html
    .replace('class="stamp t-grey"', () => `class="stamp ${tone}" data-copy="${hash}" data-today="${today}"`)
    .replace('<!--stamp-->', () => escaped(sentence));
}

// ── its age ──────────────────────────────────────────────────────────────────────────────────────

// Counted on the device's own clock since the check, so that a clock that is wrong all the time does no
// harm. A clock that went back makes the age unknown, never small.
function ageOf(me, head, now) {
  return now < me.clock.max - 2 * MINUTE || now < head.at - 2 * MINUTE ? null : Math.max(0, now - head.at);
}

// Luxembourg's wall clock `ms` after the check: the browser's own zone and month names are not used.
const wall = (head, ms) => new Date(Date.parse(`${head.local}:00Z`) + ms);

function dated(moment) {
  const [year, month, day] = moment.toISOString().slice(0, 10).split('-');
  return { day, month, year };
}

// Which bands and remarks hold for a copy, worst last, and whether it is due to go by the clock alone.
function judged(me, { giver, newest, line, word, roll }, now) {
  const age = ageOf(me, giver, now);
  const seconds = age === null ? 0 : age / 1000;
  const { lease } = roll;
  const until = (word ?? line)?.[4];
  const server = ageOf(me, newest, now) === null ? newest.time : newest.time + (now - newest.at) / 1000;
  const ended = Boolean(until) && server >= until;
  // Left out, or offered in an older version: kept, and said so. No pack: "keep what you have".
  const named = word && (word[2] === null || word[1] >= line[1]); // newer: kept from it by an emergency
  const unconfirmed = Boolean(line) && giver !== newest && !named;
  const due = age !== null && (seconds >= lease.cap || (ended && server >= until + lease.ended));
  const bad = age === null || seconds > lease.red || ended;
  const tone = bad ? 't-red' : seconds > lease.amber || unconfirmed ? 't-amber' : 't-green';
  const over = Boolean(lease.ends) && age !== null && server >= lease.ends; // a pass, past its end
  return { age, seconds, lease, until, ended, unconfirmed, due: due || over, over, tone };
}

// The status line: tone and sentence, from the server's patterns; offline.py says the same online.
async function stamp(me, found, now = Date.now()) {
  const how = judged(me, found, now);
  const say = await words(me, found.view);
  const { giver, newest } = found;
  // The service's day: who is here today must not hang on the date of a tablet.
  const today = how.age === null ? '' : wall(giver, how.age).toISOString().slice(0, 10);
  if (!say) return { tone: how.tone, sentence: giver.local.replace('T', ' '), today };
  const parts = [ageSentence(how, giver, say)];
  if (how.age !== null && how.seconds >= how.lease.cap) parts.push(say.expiring);
  else if (how.age !== null && how.seconds >= how.lease.warn)
    parts.push(filled(say.warn, dated(wall(giver, how.lease.cap * 1000))));
  if (how.ended) parts.push(filled(say.ended, dated(wall(newest, (how.until - newest.time - 1) * 1000))));
  if (how.unconfirmed) parts.push(say.unconfirmed);
  return { tone: how.tone, sentence: parts.join(' '), today };
}

function ageSentence({ age, seconds, lease }, giver, say) {
  if (age === null) return say.unknown;
  const days = Math.floor(age / DAY);
  if (seconds > lease.amber) return filled(days === 1 ? say.day : say.days, { n: days });
  const sameDay = dated(wall(giver, 0)).day === dated(wall(giver, age)).day;
  return filled(sameDay ? say.today : say.yesterday, { time: giver.local.slice(11) });
}

// ── erasing ──────────────────────────────────────────────────────────────────────────────────────

// Erase copies and at once whatever only they needed: the receipt goes with the next sync. Without any,
// tidy up: old versions may still be open in a page, so what nothing names goes a day later.
// Never during an emergency: it stays due, and the next contact or minute after it asks again.
async function erase(me, due = [], everything = false) {
  const running = due.length || everything ? await pinned(me) : new Set();
  const gone = due.filter((plan) => !running.has(plan));
  const board = everything && !running.size;
  const copies = (await all('copies')).filter(({ plan, roll }) => roll && !gone.includes(plan));
  const heads = board ? [] : await all('heads');
  const kept = new Set([...copies, ...heads, me.pending ?? {}].flatMap(({ roll, names = [] }) => [roll, ...names]));
  let loose = [...(await stored())].filter((hash) => !kept.has(hash));
  if (!gone.length) {
    const rows = await Promise.all(loose.map((hash) => get('blobs', hash)));
    loose = rows.filter((row) => row?.at < Date.now() - DAY).map(({ hash }) => hash);
  }
  await transact('strict', ['copies', 'heads', 'blobs', 'device'], (copies, heads, blobs, rows) => {
    for (const plan of gone) {
      const asked = copies.get(plan);
      asked.onsuccess = () => asked.result?.roll && copies.put({ plan, erased: Date.now() });
    }
    for (const hash of loose) blobs.delete(hash);
    if (board) heads.clear();
    return amended(rows, (me) => {
      me.receipts = [...new Set([...me.receipts, ...gone])];
      me.tidied = Date.now();
      if (board) me.pending = null;
      if (gone.length < due.length) me.recheck = true;
    });
  });
  return gone;
}

// The same for assets: what no head and not the shell names.
async function tidy(me) {
  await prune(me);
  await erase(me);
  const assets = Object.assign({}, SHELL, ...(await all('heads')).map((head) => head.assets));
  await stock(ASSETS, assets); // what somebody has deleted
  const cache = await caches.open(ASSETS);
  for (const { url } of await cache.keys()) {
    if (!(new URL(url).pathname in assets)) await cache.delete(url);
  }
}

// What the clock alone asks for: the cap, or the end of a grant nobody could tell us more about. A copy
// goes only after it was seen to be due for 24 hours of use, an hour at most counting at once: a clock
// that jumps erases nothing. The board, listed as '', goes when all else has been due as long.
async function sweep(now = Date.now()) {
  const me = await device();
  if (!me?.device) return false;
  const view = await overview(me);
  const copies = (await all('copies')).filter(({ roll }) => roll);
  const due = {};
  for (const copy of [...copies, { plan: '' }]) {
    const found = copy.plan ? sound(() => standing(view, copy)) : boardOf(view);
    const how = found?.roll && judged(me, found, now);
    if (!how?.due) continue;
    const spent = copy.plan in me.due ? Math.min(Math.max(0, now - me.clock.seen), HOUR) : 0;
    due[copy.plan] = how.over ? DAY : (me.due[copy.plan] ?? 0) + spent;
  }
  const board = due[''] >= DAY;
  const past = copies.map(({ plan }) => plan).filter((plan) => board || due[plan] >= DAY);
  const gone = past.length || board ? await erase(me, past, board) : [];
  await amend((me) => {
    me.due = due;
    if (gone.length) me.recheck = true; // the next contact may give them back
    me.clock = { ...me.clock, max: Math.max(me.clock.max, now), seen: now };
  });
  return gone.length > 0;
}

// What `ask` gives, or null where the chain is broken.
function sound(ask) {
  try {
    return ask();
  } catch (error) {
    return damagedOnly(error);
  }
}

function damagedOnly(error) {
  if (!(error instanceof Damaged)) throw error;
  return null;
}

// ── syncing ──────────────────────────────────────────────────────────────────────────────────────

let syncing;
const packs = new Map(); // opened in this sync: by their hash, so they cannot be another's

// One at a time, in this worker and beside one that is being replaced. Resolves to "did a copy change?".
function sync() {
  const alone = (work) => (navigator.locks ? navigator.locks.request('sync', work) : work());
  syncing ??= alone(rounds).finally(() => {
    syncing = undefined;
  });
  return syncing;
}

async function rounds() {
  let changed = false;
  for (let left = 50; left; left -= 1) {
    const { more, swapped } = await round();
    changed ||= swapped;
    if (!more) break;
  }
  packs.clear();
  const me = await amend((me) => { me.fails = 0; });
  if (me?.device && Date.now() - me.tidied > 6 * HOUR) await tidy(me);
  return changed;
}

// Whether the clock asks for a sync: every 15 minutes, every minute from amber on, later after failures.
async function overdue(now = Date.now()) {
  const me = await device();
  if (!me?.device) return false;
  const calm = me.state === 'active' && now - me.clock.checked < DAY ? 15 * MINUTE : MINUTE;
  const wait = me.fails ? Math.min(15 * MINUTE, MINUTE * 2 ** me.fails) * (0.5 + Math.random() / 2) : calm;
  return now < me.tried || now - me.tried >= wait - 5000;
}

async function round() {
  const me = await amend((me) => {
    me.n = Math.max(me.n + 1, Date.now());
    me.tried = Date.now();
    me.fails += 1; // until all went well
  });
  if (!me?.device) return { more: false, swapped: false };
  const { heads } = await overview(me);
  const pending = me.pending && (await believed(me, me.pending));
  const have = (pending ?? heads[0])?.roll ?? '';
  const events = await outgoing(me);
  const body = {
    v: PROTOCOL,
    n: me.n,
    seq: me.seq,
    have,
    want: me.want.slice(0, 200),
    events,
    applied: heads[0]?.seq ?? 0,
    erased: me.receipts,
    health: await health(me),
    left: Boolean(me.leaving),
  };
  if (me.ask === 'held') body.held = await holdings(me);
  const talk = await ask(me, JSON.stringify(body));
  try {
    const done = await heed(me, talk, heads[0], pending);
    return { ...done, more: done.more || (await unsent(events)) };
  } finally {
    talk.stop();
  }
}

// Version and pack of every copy: asked for when the server does not know what we have.
async function holdings(me) {
  const view = await overview(me);
  const held = {};
  for (const copy of (await all('copies')).filter(({ roll }) => roll)) {
    const line = sound(() => standing(view, copy))?.line;
    if (line) held[copy.plan] = [line[1], line[2]];
  }
  return held;
}

const signature = async (me, context, body) =>
  toBase64(await crypto.subtle.sign(CURVE, me.sign, utf8(`${context}\n${body}`)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

// Send, and believe the first line or throw. Whatever else comes back (a redirect, an error, a portal's
// page, nothing) throws here and leaves every copy as it is.
async function ask(me, body) {
  const cut = new AbortController();
  let timer;
  const alive = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => cut.abort(), ms);
  };
  const stop = () => {
    clearTimeout(timer);
    cut.abort();
  };
  alive(15_000);
  try {
    const answer = await fetch('/sync', {
      method: 'POST',
      body,
      headers: { Device: `${me.device}.${await signature(me, 'kannerplang-sync-1', body)}` },
      redirect: 'error',
      cache: 'no-store',
      signal: cut.signal,
    });
    if (answer.status === 409) await catchUp(answer);
    if (!answer.ok || answer.headers.get('Content-Type') !== 'application/octet-stream') throw new Error('no answer');
    const next = pieces(answer.body, () => alive(30_000));
    const first = JSON.parse(new TextDecoder().decode(await next((rest) => rest.indexOf(10) + 1)));
    const record = { head: first.head, sig: first.sig, at: Date.now() };
    const head = await believed(me, record, keys);
    const known = head && ['waiting', 'active', ...OVER].includes(head.state);
    if (!known) self.registration?.update(); // a newer worker may know this key, version or state
    if (!known || head.n !== me.n || head.seq <= me.seq) throw new Error('not an answer to this request');
    return { head, record: { ...record, roll: head.roll }, entries: first.entries, next, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

// The server has seen a higher counter than ours: the next request goes on from there.
async function catchUp(answer) {
  const { n } = await answer.json();
  if (Number.isSafeInteger(n)) await amend((me) => { me.n = Math.max(me.n, n); });
}

// A body in pieces, one in memory at a time. `size` says how long the next is, 0 while it cannot tell.
function pieces(body, alive) {
  const source = body.getReader();
  let rest = new Uint8Array(0);
  return async (size) => {
    for (;;) {
      const length = size(rest);
      if (!(length <= 2 * MIB) || rest.length > 3 * MIB) throw new Error('too long');
      if (length && length <= rest.length) {
        const piece = rest.slice(0, length);
        rest = rest.subarray(length);
        return piece;
      }
      const { done, value } = await source.read();
      if (done) throw new Error('cut off');
      alive();
      const both = new Uint8Array(rest.length + value.length);
      both.set(rest);
      both.set(value, rest.length);
      rest = both;
    }
  };
}

// Act on a believed head: this is a contact, whatever happens to the entries behind it.
async function heed(me, { head, record, entries, next }, applied, pending) {
  const { receipts: sent, want: asked } = me;
  const now = record.at;
  const same = !me.recheck && !pending && applied?.roll === head.roll;
  me = await transact('readwrite', ['device', 'heads', 'outbox'], (rows, heads, outbox) => {
    settle(outbox, head.ack, head.refused, head.seq);
    const kept = heads.get(record.roll);
    if (same) kept.onsuccess = () => heads.put({ ...kept.result, ...record }); // younger by this check
    return amended(rows, (me) => {
      me.seq = head.seq;
      me.state = head.state;
      me.ask = head.ask;
      me.doubt = false; // the service has said whose phone this still is
      me.clock = { max: now, seen: now, checked: now, time: head.time };
      me.receipts = me.receipts.filter((plan) => !sent.includes(plan));
    });
  });
  if (head.state === 'waiting') return { more: false, swapped: false };
  if (OVER.includes(head.state)) return dismissed(me);
  const got = await receive(me, next, entries);
  const swapped = !same || got.count ? await adopt(me, record) : false;
  const { want, receipts } = await device();
  const news = got.count > 0 || want.some((hash) => !asked.includes(hash));
  return { more: got.whole && ((news && want.length > 0) || receipts.length > 0), swapped };
}

// Removed or reported lost: copies first, then the receipt and the queue, then the keys. An emergency
// that runs is respected, unless the device is lost.
async function dismissed(me) {
  const plans = (await all('copies')).filter(({ roll }) => roll).map(({ plan }) => plan);
  if (me.state !== 'lost' && (await pinned(me)).size) {
    const gone = await erase(me, plans);
    return { more: gone.length > 0, swapped: gone.length > 0 };
  }
  const over = !plans.length && !me.receipts.length && !(await unsent());
  await transact('strict', ['heads', 'copies', 'blobs', 'outbox', 'device'], (heads, copies, blobs, outbox, rows) => {
    for (const store of [heads, copies, blobs]) store.clear();
    if (over) for (const store of [outbox, rows]) store.clear();
    else amended(rows, (me) => Object.assign(me, { receipts: [...me.receipts, ...plans], pending: null, want: [] }));
  });
  return { more: plans.length > 0, swapped: plans.length > 0 };
}

// Keep the entries as they come, each checked against its name; what came before a cut is kept too.
async function receive(me, next, entries) {
  const got = { count: 0, whole: true };
  let batch = []; // a MiB at most is in memory
  let size = 0;
  const flush = async () => {
    const rows = (await Promise.all(batch)).filter(Boolean);
    const keep = (scans) => transact('readwrite', ['blobs'], (blobs) => {
      for (const row of rows) if (!scans.has(row.hash)) blobs.put(row);
    });
    await keep(new Set()).catch((error) => makeRoom(me, error).then(keep));
    got.count += rows.length;
    got.whole &&= rows.length === batch.length;
    batch = [];
    size = 0;
  };
  for (const [hash, length] of entries) {
    const bytes = await next(() => length).catch(() => null);
    got.whole &&= bytes !== null;
    if (!got.whole) break;
    batch.push(sealed(me, hash, bytes));
    size += length;
    if (size > MIB) await flush();
  }
  await flush();
  return got;
}

// ── swapping ─────────────────────────────────────────────────────────────────────────────────────

// Take the roll of a believed head into use as soon as all its text is here; else note what to ask for.
async function adopt(me, record) {
  const roll = await json(me, record.roll);
  const found = await walk(me, roll);
  const names = [...found.names.values()].flat();
  me = await amend((me) => {
    me.pending = { ...record, names };
    me.recheck = false;
    me.want = found.need;
    me.ends = roll.lease.ends;
  });
  const over = roll.children.filter(([, , , verdict]) => verdict === 'erase').map(([plan]) => plan);
  const gone = over.length ? await erase(me, over) : []; // at once, not only when all the rest is here
  if (found.need.length) return gone.length > 0;
  await stock(ASSETS, found.assets);
  await swap(me, record, roll, found);
  return true;
}

// What a roll gives, as hashes: by plan (the board as ''), what is missing, what may follow later.
async function walk(me, roll) {
  const found = { names: new Map(), need: [], later: [], assets: {} };
  const has = await stored();
  const lines = [['', 0, roll.common], ...roll.children].filter(([, , hash]) => hash);
  const unread = lines.map(([, , hash]) => hash).filter((hash) => has.has(hash) && !packs.has(hash));
  await Promise.all(unread.map(async (hash) => packs.set(hash, await json(me, hash).catch(damagedOnly))));
  for (const [plan, , hash] of lines) {
    const pack = has.has(hash) && packs.get(hash);
    if (!pack) found.need.push(hash); // asking for a pack brings all it needs
    const named = Object.entries({ ...pack?.pages, ...pack?.files });
    for (const [name, one] of named) if (!has.has(one)) (TEXT.test(name) ? found.need : found.later).push(one);
    found.names.set(plan, [hash, ...named.map(([, one]) => one)]);
    Object.assign(found.assets, pack?.assets);
  }
  return found;
}

const stored = async () => new Set(await transact('readonly', ['blobs'], (rows) => rows.getAllKeys()));

// One small write: before it the old copies, after it the new ones. What a row names is for tidying up
// only; what is shown is always found through the signed roll.
async function swap(me, record, roll, { names, assets, later }) {
  const { heads: known } = await overview(me);
  const copies = (await all('copies')).filter((copy) => copy.roll);
  const held = await holdings(me);
  const running = await pinned(me);
  const still = (plan) => running.has(plan) && held[plan];
  const given = roll.children.filter(([plan, version, pack]) => pack && version >= (held[plan]?.[0] ?? 0) && !still(plan));
  const fresh = new Set(given.map(([plan]) => plan));
  const spoken = new Set(roll.children.filter(([, , pack]) => !pack).map(([plan]) => plan));
  const kept = copies.filter(({ plan }) => !fresh.has(plan));
  const odd = kept.some(({ plan }) => !spoken.has(plan) && !still(plan)); // not named, or older: report it
  const rolls = new Set([record.roll, ...kept.map((copy) => copy.roll)]);
  const told = (await all('outbox')).filter(({ board, state, seq }) => board && state === 'stored' && seq < JSON.parse(record.head).seq);
  await transact('strict', ['heads', 'copies', 'device', 'outbox'], (heads, rows, mine, outbox) => {
    for (const { id } of told) outbox.delete(id); // the new board knows it
    heads.put({ ...record, assets, names: names.get('') });
    for (const head of known) if (!rolls.has(head.roll)) heads.delete(head.roll);
    for (const plan of fresh) rows.put({ plan, roll: record.roll, names: names.get(plan) });
    amended(mine, (me) => {
      me.pending = null;
      me.want = Date.now() - (me.full ?? 0) < DAY ? [] : later; // full: text is here, scans must wait
      me.recheck = running.size > 0; // whatever was kept back is due once they are over
      if (odd) me.ask = 'held';
    });
  });
}

// Something could not be read: ask for it anew. Without a hash the chain itself is broken.
const want = (hash) =>
  amend((me) => {
    if (!hash) me.recheck = true;
    else if (!me.want.includes(hash)) me.want = [hash, ...me.want];
  });

// ── enrolling ────────────────────────────────────────────────────────────────────────────────────

// The keys are made and kept before anything is sent: a lost reply is asked for again with the same key.
async function enrol({ code, language, installed }) {
  const me = (await device()) ?? (await made(language));
  if (me.device) return { state: me.state, digits: await digits(me) };
  const body = JSON.stringify({ v: PROTOCOL, code, public_key: toBase64(me.point) });
  const answer = await fetch('/enrol', {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/json', Device: `new.${await signature(me, 'kannerplang-enrol-1', body)}` },
    redirect: 'error',
  });
  const said = await answer.json();
  if (!answer.ok) return { refused: said.refused };
  await amend((me) => Object.assign(me, { device: said.device, state: 'waiting', kind: said.kind, language, installed }));
  return { state: 'waiting', digits: await digits(me) };
}

async function made(language) {
  const pair = await crypto.subtle.generateKey(CURVE, false, ['sign', 'verify']);
  const me = {
    id: 'me',
    sign: pair.privateKey,
    point: await crypto.subtle.exportKey('raw', pair.publicKey),
    seal: await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']),
    language,
    state: 'new',
    ...{ n: 0, seq: 0, tried: 0, fails: 0, tidied: Date.now(), clock: { max: 0, seen: 0, checked: 0 } },
    ...{ want: [], receipts: [], due: {}, pending: null, ask: null, recheck: false },
  };
  await transact('strict', ['device'], (rows) => rows.put(me));
  return me;
}

// The same six digits as on the manager's screen: of this key and of the server this worker trusts.
async function digits(me) {
  const both = new Uint8Array([...new Uint8Array(me.point), ...fromBase64(KEYS[0])]);
  const mark = new DataView(await crypto.subtle.digest('SHA-256', both));
  return String(mark.getUint32(0) % 1e6).padStart(6, '0');
}
