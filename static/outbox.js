// The queue: what was done at this device, sealed, kept until a signed head names it. Only a person puts
// away what was refused. Needs device.js; no DOM. Order: keeping, telling, sending, emergencies.

const FULL = 5000; // entries; from then on openings merge, and only an emergency still finds room
const LARGEST = 4000; // bytes of one, so that the server's 4096 have room for its number

// ── keeping ──────────────────────────────────────────────────────────────────────────────────────

// Keep one thing that a page says was done: resolved once it is on the disk. The same id twice is one.
async function write(said) {
  const me = await device();
  if (!me?.device || me.state === 'waiting' || typeof said?.id !== 'string') return { kept: false, why: 'no-device' };
  const now = Date.now();
  const { checked, max, time } = me.clock;
  const times = { at: now, checked: time ?? null, since_check: time ? Math.max(0, now - checked) : null };
  const entry = { by: await chosen(me), ...said, ...times, clock_ok: Boolean(time) && now >= max - 2 * MINUTE };
  const merged = await room(me, entry);
  if (!merged) return { kept: false, why: 'full' };
  const bytes = utf8(JSON.stringify(entry));
  if (bytes.length > LARGEST) return { kept: false, why: 'too-large' };
  const { id, incident, kind } = said;
  const row = { id, incident, board: kind === 'presence', state: 'waiting', ...(await boxed(me, id, bytes)) };
  const keep = () => transact('strict', ['outbox', 'device'], (rows, mine) => {
    for (const id of merged) rows.delete(id);
    const known = rows.get(row.id);
    known.onsuccess = () => known.result || amended(mine, (me) => {
      me.written = (me.written ?? 0) + 1;
      rows.put({ ...row, n: me.written });
    });
  });
  const again = (error) => makeRoom(me, error).then(keep);
  return keep().catch(again).then(() => ({ kept: true }), () => ({ kept: false, why: 'storage' }));
}

// Which entries give way to this one; null when it finds no room. Openings of one page become one.
async function room(me, entry) {
  if (entry.incident || (await transact('readonly', ['outbox'], (rows) => rows.count())) < FULL) return [];
  if (entry.kind !== 'opening') return null;
  const same = (one) => one.kind === 'opening' && one.plan === entry.plan && one.body.page === entry.body.page;
  const old = (await entries(me, waits)).filter((one) => !one.code && same(one));
  entry.body.times = old.reduce((sum, { body }) => sum + (body.times ?? 1), 1);
  return old.map(({ id }) => id);
}

// A held page was shown: once for each plan, page and name in ten minutes.
async function opening(page, plan) {
  const me = await device();
  const now = Date.now();
  const mark = await sha256(utf8(`${plan} ${page} ${await chosen(me)}`));
  const recent = Object.entries(me.shown ?? {}).filter(([, at]) => Math.abs(now - at) < 10 * MINUTE);
  if (recent.some(([one]) => one === mark)) return;
  const { kept } = await write({ id: crypto.randomUUID(), kind: 'opening', plan, body: { page } });
  if (kept) await amend((me) => { me.shown = { ...Object.fromEntries(recent), [mark]: now }; });
}

// Who stands at the device, as picked there from the list: kept until somebody else is picked.
const chosen = async (me) => (me.by ? new TextDecoder().decode(await unboxed(me, 'by', me.by)) : '');

async function choose(name) {
  const by = await boxed(await device(), 'by', utf8(name));
  await amend((me) => { me.by = by; });
  return name;
}

// ── telling ──────────────────────────────────────────────────────────────────────────────────────

const waits = ({ state }) => state === 'waiting';

// Entries in the order they were written. What cannot be opened any more is told as refused.
async function entries(me, wanted = () => true, most = Infinity) {
  const rows = (await all('outbox')).filter(wanted).sort((one, other) => one.n - other.n).slice(0, most);
  return Promise.all(rows.map(async (row) => {
    const { id, n, state, code } = row;
    try {
      return { ...JSON.parse(new TextDecoder().decode(await unboxed(me, id, row))), id, n, state, code };
    } catch {
      return { id, n, state: 'refused', code: 'damaged', body: {} };
    }
  }));
}

// What is still here, of a plan, an emergency or a kind.
async function written(wanted) {
  const me = await device();
  const fits = (entry) => ['plan', 'incident', 'kind'].every((name) => !wanted[name] || entry[name] === wanted[name]);
  return me ? (await entries(me)).filter(fits) : [];
}

const putAway = (id) => transact('strict', ['outbox'], (rows) => change(rows, id, (row) => {
  if (row.state === 'refused') rows.delete(id);
}));

// ── sending ──────────────────────────────────────────────────────────────────────────────────────

async function outgoing(me) {
  const found = await entries(me, waits, 50);
  const broken = found.filter(({ code }) => code);
  if (broken.length) {
    await transact('strict', ['outbox'], (rows) => settle(rows, [], broken.map(({ id, code }) => [id, code])));
  }
  return found.filter(({ code }) => !code).map(({ state, code, ...entry }) => entry);
}

// Whether something was written that is not among these: it goes at once, too.
async function unsent(sent = []) {
  const ids = new Set(sent.map(({ id }) => id));
  return (await all('outbox')).some((row) => waits(row) && !ids.has(row.id));
}

function change(rows, id, work) {
  const asked = rows.get(id);
  asked.onsuccess = () => asked.result && work(asked.result);
  return asked;
}

// Heed a signed head: what it names is stored there, or never will be. An emergency's own stays (see
// prune), and who is here until a later roll brings a board that knows it.
function settle(rows, ack, refused, seq) {
  for (const id of ack) {
    change(rows, id, (row) => (row.incident || row.board ? rows.put({ ...row, state: 'stored', seq }) : rows.delete(id)));
  }
  for (const [id, code] of refused) change(rows, id, (row) => rows.put({ ...row, state: 'refused', code }));
}

// ── emergencies ──────────────────────────────────────────────────────────────────────────────────

// The emergencies among these entries by id: plan and version they began with, last entry, whether ended.
function incidents(list) {
  const found = new Map();
  for (const { incident, plan, drill, kind, at, body } of list) {
    if (!incident) continue;
    const one = found.get(incident) ?? { incident, plan, drill: Boolean(drill), last: at, ended: false };
    one.last = Math.max(one.last, at);
    if (kind === 'incident' && body.what === 'start') one.version = body.version;
    if (kind === 'incident' && body.what === 'end') one.ended = true;
    found.set(incident, one);
  }
  return [...found.values()];
}

const ofIncidents = (me) => entries(me, (row) => row.incident).then((list) => list.filter(({ code }) => code !== 'damaged'));

// Plans whose emergency runs here: their copies stay as they are. Practice moves nothing either way.
async function pinned(me, now = Date.now()) {
  const runs = incidents(await ofIncidents(me)).filter(({ ended, drill, last }) => !ended && !drill && now - last < 6 * HOUR);
  return new Set(runs.map(({ plan }) => plan).filter(Boolean));
}

// What the server has stored of an emergency goes a day after its end: until then a page that was killed
// finds its log here. One that nobody ended counts as over six hours after its last entry.
async function prune(me, now = Date.now()) {
  const list = await ofIncidents(me);
  const over = incidents(list).filter(({ ended, last }) => now - last > (ended ? DAY : DAY + 6 * HOUR));
  const ids = new Set(over.map(({ incident }) => incident));
  const gone = list.filter(({ state, incident }) => state === 'stored' && ids.has(incident));
  await transact('readwrite', ['outbox'], (rows) => gone.forEach(({ id }) => rows.delete(id)));
}
