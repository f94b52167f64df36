// Whether this device can be relied on, and what keeps it from it. Needs device.js and outbox.js; no DOM.

// What it says of itself with each sync, for the manager. `lacks` was counted when the board was shown.
async function health(me) {
  const rows = await all('outbox');
  const count = (state) => rows.filter((row) => row.state === state).length;
  return {
    installed: Boolean(me.installed),
    persisted: Boolean(await navigator.storage?.persisted?.()),
    full: isFull(me),
    ...{ missing: me.lacks?.missing ?? 0, scans: me.lacks?.scans ?? 0 },
    ...{ waiting: count('waiting'), refused: count('refused') },
  };
}

const isFull = (me) => Date.now() - (me.full ?? 0) < DAY;

// What the board shows of its device. Whatever was evicted or damaged is asked for again.
async function condition({ installed }) {
  let me = await device();
  if (!me?.device) return null;
  const now = Date.now();
  const view = await overview(me);
  const [newest] = view.heads;
  const age = newest ? ageOf(me, newest, now) : null;
  const roll = (me.pending && (await json(me, me.pending.roll).catch(() => null))) ?? (newest && view.rolls.get(newest.roll));
  const lacks = roll ? await lacking(me, roll) : { plans: 0, missing: 0, scans: 0, need: [] };
  me = await amend((me) => {
    me.installed = installed;
    me.lacks = { missing: lacks.missing, scans: lacks.scans };
    me.recheck ||= lacks.need.length > 0;
    me.want = [...new Set([...lacks.need, ...me.want])];
  });
  const told = await health(me);
  const day = (ms) => wall(newest, ms).toISOString().slice(0, 10);
  const list = await entries(me);
  return {
    ...told,
    here: lacks.plans - lacks.missing,
    checked: age !== null && day(0) === day(age),
    by: await chosen(me),
    said: list.filter(({ kind, code }) => kind === 'presence' && !code).map(({ plan, at, body }) => ({ plan, at, here: body.here })),
    away: list.filter(({ state }) => state === 'refused').map(({ id, code }) => ({ id, code })),
  };
}

// Of the plans that a roll gives: how many there are, how many are not whole here, how many scans to come.
// Every pack is opened for it, so the count stands while the roll and the number of blobs do.
let counted = {};

async function lacking(me, roll) {
  const blobs = await transact('readonly', ['blobs'], (rows) => rows.count());
  const mark = JSON.stringify([blobs, Boolean(me.pending), roll.common, roll.children]);
  if (counted.mark === mark) return counted.found;
  const { names, need, later } = await walk(me, roll);
  if (!syncing) packs.clear();
  const due = roll.children.filter(([, , pack, verdict]) => pack || verdict === 'pending');
  const gaps = new Set(need);
  const used = new Map((await all('copies')).map((copy) => [copy.plan, copy.roll]));
  const whole = ([plan, , pack]) => pack && used.get(plan) && !names.get(plan).some((hash) => gaps.has(hash));
  const found = { plans: due.length, missing: due.filter((line) => !whole(line)).length, scans: later.length, need };
  counted = { mark, found };
  return found;
}

// The storage is full: scans go first, and are not asked for again today, so that text finds room.
// Resolves to their hashes; any other trouble stays what it is.
async function makeRoom(me, error) {
  if (error?.name !== 'QuotaExceededError') throw error;
  const view = await overview(me);
  const rolls = [...view.rolls.values(), me.pending && (await json(me, me.pending.roll).catch(() => null))];
  const scans = new Set();
  for (const [, , hash] of rolls.flatMap((roll) => roll?.children ?? []).filter(([, , pack]) => pack)) {
    const files = (await json(me, hash).catch(() => null))?.files ?? {};
    for (const [name, one] of Object.entries(files)) if (!TEXT.test(name)) scans.add(one);
  }
  await transact('readwrite', ['blobs'], (rows) => scans.forEach((hash) => rows.delete(hash)));
  await amend((me) => {
    me.full = Date.now();
    me.want = me.want.filter((hash) => !scans.has(hash));
  });
  return scans;
}
