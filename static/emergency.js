// The emergency page as a guided run. It shows, hides and moves what the server rendered and never writes
// a clinical word: a step is the very node of the page. Nothing here rings, proposes or moves by itself:
// only the digits of stopwatches change with time. What is done goes to the worker, which keeps it.
// Order: keeping, telling, drawing, stopwatches, acts, beginning again.

const page = document.body.dataset;
const main = document.querySelector('main');
const find = (name) => document.querySelector(`[data-${name}]`);
const every = (name) => document.querySelectorAll(`[data-${name}]`);
const controls = find('controls');
const log = find('log');
const drill = new URLSearchParams(location.search).has('drill');
const keeper = navigator.serviceWorker?.controller;
const opened = { wall: Date.now(), mono: performance.now() };
const run = { id: null, entries: [], over: false, at: null, n: 0 };
const here = new Map(); // entry -> this page's own monotonic time of it
let queue = Promise.resolve(); // entries are kept in the order of the taps

// ── keeping ──────────────────────────────────────────────────────────────────────────────────────

function ask(message) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    setTimeout(resolve, 3000, null);
    keeper.postMessage(message, [port2]);
  });
}

// The worker's queue; where there is none, the server itself.
async function keep(entry) {
  if (keeper) return (await ask({ ask: 'write', entry }))?.kept === true;
  const headers = { 'Content-Type': 'application/json' };
  const sent = fetch('/events', { method: 'POST', headers, body: JSON.stringify(entry) });
  return sent.then(({ status }) => status === 202, () => false);
}

function note(what, more = {}) {
  if (!run.id) {
    Object.assign(run, { id: crypto.randomUUID(), over: false, entries: [] });
    const before = Math.round(performance.now() - opened.mono);
    put({ what: 'start', before, ...(page.version && { version: Number(page.version) }) });
    awake();
  }
  if (what !== 'start') put({ what, ...more });
  draw();
}

function put(body) {
  const entry = { id: crypto.randomUUID(), kind: 'incident', incident: run.id, drill, mono: performance.now(), body };
  if (page.plan) entry.plan = page.plan;
  here.set(entry.id, entry.mono);
  const shown = { ...entry, at: Date.now(), waits: true };
  run.entries.push(shown);
  queue = queue.then(async () => {
    shown.waits = false;
    shown.lost = !(await keep(entry).catch(() => false));
    if (!shown.lost) await known();
    draw();
  });
}

// What the worker keeps tells the service's time of each entry; what it could not keep is shown all the same.
async function known() {
  if (!keeper) return;
  const kept = (await ask({ ask: 'written', incident: run.id })) ?? [];
  const times = new Map(kept.map((entry) => [entry.id, entry]));
  run.entries = run.entries.map((entry) => ({ ...entry, ...times.get(entry.id) }));
}

// ── telling ──────────────────────────────────────────────────────────────────────────────────────

// The service's time: the device's clock may be wrong, the span since its last check hardly.
function when({ at, checked, since_check: since, clock_ok: ok, body }) {
  return (ok && checked !== null ? checked * 1000 + since : at) - (body.before ?? 0);
}

const zone = { timeZone: 'Europe/Luxembourg', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const clock = new Intl.DateTimeFormat('en-GB', zone);
const place = (at) => document.querySelector(`[data-at="${at}"]`);
const steps = (at) => [...place(at).querySelectorAll('.steps > li')];

// A step's words as they stand on the page, without the mark "not translated".
function stepWords(item) {
  const words = item.firstElementChild.cloneNode(true);
  for (const mark of words.querySelectorAll('.tag')) mark.remove();
  return words.textContent.trim().replace(/\s+/g, ' ');
}

function wordsOf({ at, n, who, text }) {
  if (n !== undefined) return stepWords(steps(at)[n]);
  return at ? place(at).dataset.words : (who ?? text ?? '');
}

function told({ body }) {
  const { reason } = body;
  const said = log.dataset[body.what].replace('{words}', () => wordsOf(body));
  return reason ? said.replace('{reason}', log.getAttribute(`data-reason-${reason}`)) : said;
}

function line(entry, words) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.className = 'strong';
  time.textContent = clock.format(when(entry));
  const span = document.createElement('span');
  span.textContent = words;
  item.append(time, span);
  return item;
}

// ── drawing: everything follows from the entries ─────────────────────────────────────────────────

const of = (...kinds) => run.entries.filter(({ body }) => kinds.includes(body.what));

function draw() {
  log.querySelector('[data-lines]').replaceChildren(...run.entries.map((entry) => line(entry, told(entry))));
  find('unkept').hidden = !run.entries.some(({ lost }) => lost);
  find('kept').hidden = !run.id || !run.entries.some(({ lost, waits }) => !lost && !waits);
  find('ending').hidden = !run.id || run.over;
  find('noting').hidden = !run.id;
  for (const button of every('act')) if (button.dataset.act === 'begin') button.hidden = Boolean(run.id);
  drawDoses();
  drawRun();
  tick();
}

function drawDoses() {
  const doses = of('dose');
  for (const list of every('given')) {
    const at = list.closest('[data-at]').dataset.at;
    list.replaceChildren(...doses.filter(({ body }) => body.at === at).map((entry) => {
      const item = line(entry, '');
      Object.assign(item.lastElementChild, { className: 'timer', role: 'timer' });
      item.lastElementChild.dataset.since = entry.id;
      return item;
    }));
  }
  const said = doses.map((entry) => `${wordsOf(entry.body)}: ${clock.format(when(entry)).slice(0, 5)}`).join('; ');
  for (const span of every('doses')) {
    span.hidden = !said;
    span.textContent = said;
  }
}

function drawRun() {
  const running = run.at && !run.over;
  main.dataset.state = running ? 'run' : run.over ? 'over' : 'look';
  const done = document.querySelector('[data-act=step]');
  const list = running ? steps(run.at) : [];
  const now = list[run.n];
  done.hidden = !now;
  find('words-112').hidden = !done.hidden;
  controls.hidden = !running;
  for (const item of document.querySelectorAll('[data-todo] .steps > li')) {
    if (item === now) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
  }
  for (const card of every('severity')) card.toggleAttribute('data-chosen', Boolean(running) && card.dataset.at === run.at);
  if (!running) return;
  place(run.at).append(controls);
  const count = find('count');
  place(run.at).querySelector('.band').append(count);
  const { pattern, over } = count.dataset;
  count.textContent = now ? pattern.replace('{n}', run.n + 1).replace('{total}', list.length) : over;
  controls.querySelector('details').hidden = !now;
  controls.querySelector('[data-act=back]').disabled = run.n === 0;
  const live = find('live');
  const said = now ? `${count.textContent}. ${stepWords(now)}` : over;
  if (live.textContent === said) return;
  live.textContent = said;
  place(run.at).scrollIntoView({ block: 'start' });
  speak(now);
}

// ── stopwatches ──────────────────────────────────────────────────────────────────────────────────

// In this page the monotonic clock, which no setting moves; after a restart the device's own.
function digits(entry) {
  const own = here.get(entry.id);
  const before = entry.body.before ?? 0;
  const ms = before + (own === undefined ? Date.now() - entry.at : performance.now() - own);
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pairs = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  return [...(seconds >= 3600 ? [Math.floor(seconds / 3600)] : []), ...pairs].join(':');
}

function tick() {
  const [start] = of('start');
  if (start && !run.over) find('onset').textContent = digits(start);
  for (const span of every('since')) {
    const entry = run.entries.find(({ id }) => id === span.dataset.since);
    if (!run.over) span.textContent = digits(entry);
  }
}

// ── acts ─────────────────────────────────────────────────────────────────────────────────────────

let aloud = false;

const voice = (lang) => window.speechSynthesis?.getVoices().find((one) => one.lang.startsWith(lang));

function speak(item) {
  if (!aloud || !item) return;
  const words = new SpeechSynthesisUtterance(stepWords(item));
  words.lang = item.querySelector('[lang]:not(small)')?.lang ?? document.documentElement.lang;
  words.voice = voice(words.lang) ?? null;
  speechSynthesis.cancel();
  if (words.voice) speechSynthesis.speak(words);
}

async function awake() {
  if (run.id && !run.over) await navigator.wakeLock?.request('screen').catch(() => {});
}

function choose(at, n) {
  Object.assign(run, { at, n });
  controls.querySelector('details').open = false;
}

const field = document.querySelector('#note');

const ACTS = {
  begin: () => note('start'),
  guard: (button) => {
    button.closest('[data-alike]').hidden = true;
    note('guard');
  },
  branch: (button) => {
    const { at } = button.closest('[data-at]').dataset;
    choose(at, 0);
    note('branch', { at });
  },
  step: () => move('step'),
  impossible: ({ dataset: { reason } }) => move('impossible', { reason }),
  back: () => {
    choose(run.at, run.n - 1);
    draw();
  },
  change: () => {
    choose(null, 0);
    draw();
  },
  dose: (button) => note('dose', { at: button.closest('[data-at]').dataset.at }),
  note: () => write('note'),
  correction: () => write('correction'),
  end: () => {
    run.over = true;
    const link = find('after').firstElementChild;
    link.href = `/incidents/${run.id}`;
    find('after').hidden = false;
    note('end');
    speechSynthesis?.cancel();
  },
  aloud: (button) => {
    aloud = !aloud;
    button.setAttribute('aria-pressed', aloud);
    if (aloud) speak(steps(run.at)[run.n]);
    else speechSynthesis.cancel();
  },
};

function move(what, more) {
  const { at, n } = run;
  choose(at, n + 1);
  note(what, { at, n, ...more });
}

function write(what) {
  const text = field.value.trim();
  if (!text) return field.focus();
  field.value = '';
  return note(what, { text });
}

addEventListener('click', (event) => {
  const button = event.target.closest('[data-act]');
  if (button) ACTS[button.dataset.act](button);
  const number = event.target.closest('[href^="tel:"], [data-undialled]');
  if (!number || run.over) return;
  if (drill) event.preventDefault();
  const named = number.dataset.who ?? number.closest('li')?.querySelector('.grow > .strong').textContent;
  note('call', { who: (named ?? '112').trim() });
  if (!named) document.querySelector('#say').scrollIntoView({ block: 'start' });
});

// ── beginning, and beginning again ───────────────────────────────────────────────────────────────

// What was written before this page was killed: the same step, the same times.
async function resume() {
  const wanted = page.plan ? { plan: page.plan } : { kind: 'incident' };
  const all = ((keeper && (await ask({ ask: 'written', ...wanted }))) ?? [])
    .filter((entry) => entry.kind === 'incident' && entry.body.what && entry.drill === drill && (page.plan || !entry.plan));
  const ended = new Set(all.filter(({ body }) => body.what === 'end').map(({ incident }) => incident));
  const running = all.filter(({ incident }) => !ended.has(incident));
  if (!running.length || run.id) return;
  run.id = running.at(-1).incident;
  run.entries = running.filter(({ incident }) => incident === run.id);
  for (const { body: { what, at, n } } of run.entries) {
    if (what === 'branch') choose(at, 0);
    if (what === 'step' || what === 'impossible') choose(at, n + 1);
  }
  draw();
  awake();
}

if (drill) {
  for (const mark of every('exercise')) mark.hidden = false;
  document.body.dataset.drill = '';
  for (const one of every('real')) one.hidden = true; // another language would be the real page
  for (const number of document.querySelectorAll('[href^="tel:"]')) {
    number.removeAttribute('href');
    Object.assign(number.dataset, { undialled: '' });
    Object.assign(number, { tabIndex: 0, role: 'button' });
  }
}
log.hidden = false;
for (const button of every('act')) {
  if (!['step', 'aloud'].includes(button.dataset.act)) button.hidden = false;
}
const spoken = () => {
  document.querySelector('[data-act=aloud]').hidden = !voice(document.documentElement.lang);
};
if (window.speechSynthesis) {
  spoken();
  speechSynthesis.addEventListener('voiceschanged', spoken);
}
document.addEventListener('visibilitychange', awake);
setInterval(tick, 1000);
draw();
resume();
