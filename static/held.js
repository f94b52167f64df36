// On pages that a device holds: the status line kept true, "replaced", finding a child on the board.
// Works as well without a worker: then the page only cannot grow older on its own.
const line = document.querySelector('.stamp');
const worker = navigator.serviceWorker;

// The worker answers with the sentence of this very minute and the hash of the page it would give now.
function refresh() {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    if (!data) return;
    line.className = `stamp ${data.tone}`;
    if (line.lastElementChild.textContent !== data.sentence) line.lastElementChild.textContent = data.sentence;
    const replaced = document.querySelector('[data-replaced]');
    if (replaced && line.dataset.copy) replaced.hidden = data.page === line.dataset.copy;
  };
  worker.controller.postMessage({ ask: 'stamp', path: location.pathname }, [port2]);
}

if (worker?.controller) {
  worker.addEventListener('message', refresh); // a copy has changed
  worker.startMessages();
  setInterval(refresh, 60_000);
  addEventListener('online', () => worker.controller.postMessage({ ask: 'sync' }));
  addEventListener('pageshow', refresh);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') worker.controller.postMessage({ ask: 'sync' });
  });
}

for (const link of document.querySelectorAll('[href$="?drill"]')) link.hidden = false; // needs scripts

// ── the board ────────────────────────────────────────────────────────────────────────────────────

const filter = document.querySelector('[data-filter]');
// The day by the service's clock where it is known, else by the device's.
const own = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
const today = line.dataset.today || own;
const plain = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

// What depends on the day is not in the page: it carries the dates, and they are compared here.
for (const until of document.querySelectorAll('[data-until]')) until.hidden = until.dataset.until >= today;
for (const note of document.querySelectorAll('[data-for]')) note.hidden = note.dataset.for < today;
for (const child of document.querySelectorAll('[data-here]')) {
  child.querySelector('[data-present]').hidden = child.dataset.here !== today;
}

function find() {
  const words = plain(filter.querySelector('[data-find]').value).split(/\s+/);
  const here = filter.querySelector('[value=here]').checked;
  let found = 0;
  for (const child of document.querySelectorAll('[data-search]')) {
    const fits = words.every((word) => child.dataset.search.includes(word));
    const away = 'here' in child.dataset && child.dataset.here !== today; // a paper child's day is not known
    child.hidden = !fits || (here && away);
    if (!child.hidden) found += 1;
  }
  for (const room of document.querySelectorAll('[data-room]')) {
    room.hidden = room.querySelector('[data-search]') !== null && !room.querySelector('[data-search]:not([hidden])');
  }
  const told = filter.querySelector('[data-found]');
  told.textContent = found === 1 ? told.dataset.one : told.dataset.other.replace('{n}', found);
}

if (filter) {
  filter.hidden = false;
  filter.querySelector('[data-here-count]').textContent = document.querySelectorAll(`[data-here="${today}"]`).length;
  filter.addEventListener('input', find);
}

// Emergencies that were begun on this device and not ended stand on top.
function showRunning(list) {
  const over = new Set(list.filter(({ body }) => body.what === 'end').map(({ incident }) => incident));
  const last = Date.now() - 6 * 3_600_000;
  const running = list.filter(({ incident, drill, at }) => !drill && !over.has(incident) && at > last);
  const card = document.querySelector('[data-running]');
  const plans = new Set(running.map(({ plan }) => plan));
  card.hidden = running.length === 0;
  card.querySelector('[data-running-other]').hidden = !plans.delete(undefined);
  for (const plan of plans) {
    const child = document.querySelector(`[data-search] [href="/plans/${plan}"]`);
    if (!child) continue;
    const row = child.closest('li').cloneNode(true);
    row.removeAttribute('data-search');
    row.querySelector('.chip')?.remove();
    row.querySelector('a').href += '/emergency';
    card.querySelector('ul').append(row);
  }
}

if (filter && worker?.controller) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => showRunning((data ?? []).filter(({ state, body }) => body.what && state !== 'refused'));
  worker.controller.postMessage({ ask: 'written', kind: 'incident' }, [port2]);
}
