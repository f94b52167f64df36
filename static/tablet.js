// On an enrolled device only: is it ready, who acts, who is here, what waits; "I have read this plan".
// After held.js, whose line, worker, today and find it uses. Every word stands in the page.
const ask = (message) => new Promise((resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => resolve(data);
  worker.controller.postMessage(message, [port2]);
});

// Keep what was done; false where the device cannot.
async function note(kind, plan, body, more = {}) {
  const entry = { id: crypto.randomUUID(), kind, plan, body, mono: performance.now(), ...more };
  return (await ask({ ask: 'write', entry }))?.kept === true;
}

const told = (part, n) => (n === 1 ? part.dataset.one : part.dataset.other).replace('{n}', n);

// ── the board ────────────────────────────────────────────────────────────────────────────────────

const tablet = document.querySelector('[data-tablet]');

async function look() {
  const is = await ask({ ask: 'condition', installed: matchMedia('(display-mode: standalone)').matches });
  document.querySelector('[data-lost]').hidden = Boolean(is) || !('device' in line.dataset);
  if (!is) return;
  const lacks = { missing: is.missing, unchecked: !is.checked, uninstalled: !is.installed, unpersisted: !is.persisted, full: is.full };
  const ready = !Object.values(lacks).some(Boolean);
  const shown = { ...is, ...lacks, ready, unready: !ready };
  for (const part of document.querySelectorAll('[data-when]')) {
    const n = shown[part.dataset.when];
    part.hidden = !n && n !== is.here;
    if (part.dataset.one) part.textContent = told(part, n);
  }
  const light = document.querySelector('[data-light]');
  light.hidden = false;
  light.className = `banner ${ready ? 't-green' : lacks.missing || lacks.unchecked ? 't-red' : 't-amber'}`;
  refusals(is.away);
  const acts = tablet.querySelector('[data-acts]');
  if (is.by && ![...acts.options].some(({ value }) => value === is.by)) acts.add(new Option(is.by));
  acts.value = is.by;
  lay(is.said);
  tablet.hidden = false;
}

function refusals(away) {
  const list = tablet.querySelector('[data-refused]');
  const model = list.querySelector('template');
  list.replaceChildren(model, ...away.map(({ id, code }) => {
    const row = model.content.firstElementChild.cloneNode(true);
    const reason = row.querySelector('[data-reason]');
    reason.textContent = reason.getAttribute(`data-${code}`) ?? code;
    row.querySelector('button').onclick = () => ask({ ask: 'put away', id }).then(look);
    return row;
  }));
  if (!away.length) tablet.querySelector('[data-when=refused]').hidden = true;
}

// What was noted here lies over the board until the service's own brings it.
function lay(said) {
  const day = (ms) => new Date(ms).toDateString();
  const words = new Map(said.filter(({ at }) => day(at) === day(Date.now())).map(({ plan, here }) => [plan, here]));
  for (const box of document.querySelectorAll('[data-presence]')) {
    const child = box.closest('[data-here]');
    if (words.has(box.value)) child.dataset.here = words.get(box.value) ? today : '';
    box.checked = child.dataset.here === today;
    box.closest('label').hidden = false;
    child.querySelector('[data-present]').hidden = true; // the box says it
  }
  filter.querySelector('[data-here-count]').textContent = document.querySelectorAll(`[data-here="${today}"]`).length;
  find();
}

async function come({ target }) {
  if (!target.matches('[data-presence]')) return;
  document.querySelector('[data-unkept]').hidden = await note('presence', target.value, { here: target.checked });
  await look();
}

if (tablet && worker?.controller) {
  look();
  document.addEventListener('change', come);
  worker.addEventListener('message', look);
  addEventListener('pageshow', look);
  setInterval(look, 60_000);
  tablet.querySelector('[data-acts]').onchange = ({ target }) => ask({ ask: 'choose', by: target.value });
  tablet.querySelector('[data-persist]').onclick = () => navigator.storage.persist().then(look);
  addEventListener('beforeinstallprompt', (event) => {
    const button = tablet.querySelector('[data-install]');
    event.preventDefault();
    button.hidden = false;
    button.onclick = () => event.prompt();
  });
}

// ── the plan ─────────────────────────────────────────────────────────────────────────────────────

const receipt = document.querySelector('[data-receipt]');

async function offer() {
  const by = await ask({ ask: 'who' });
  if (by === null) return;
  receipt.hidden = false;
  receipt.elements.by.value = by;
  receipt.onsubmit = async (event) => {
    event.preventDefault();
    const { plan, version, by } = receipt.elements;
    const kept = await note('read', plan.value, { version: Number(version.value) }, { by: by.value });
    receipt.querySelector('[data-kept]').hidden = !kept;
    receipt.querySelector('[data-unkept]').hidden = kept;
    if (kept) receipt.querySelector('button').disabled = true;
  };
}

if (receipt && worker?.controller) offer();
