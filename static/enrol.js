// The tablet's part of enrolling: hands the code to the worker, shows six digits, waits for the manager.
// The worker makes and keeps the keys; every word stands in the page.
const page = document.querySelector('[data-enrol]');
const form = page.querySelector('form');
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function show(name) {
  for (const part of page.querySelectorAll('[data-part]')) part.hidden = part.dataset.part !== name;
}

function complain(code) {
  const problem = page.querySelector('[data-problem]');
  problem.textContent = code ? (problem.getAttribute(`data-${code}`) ?? problem.dataset.offline) : '';
  problem.hidden = !code;
}

async function ask(message) {
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    active.postMessage(message, [port2]);
  });
}

async function enrol(code) {
  complain('');
  if (!navigator.serviceWorker || !window.DecompressionStream) return complain('unsupported');
  await navigator.storage?.persist?.(); // refused or granted, the plans are kept; the board shows which
  const language = document.documentElement.lang;
  const installed = matchMedia('(display-mode: standalone)').matches;
  const said = await ask({ ask: 'enrol', code, language, installed });
  if (said.refused) return complain(said.refused);
  page.querySelector('[data-digits]').textContent = said.digits;
  show('waiting');
  return wait();
}

// Until the manager has approved and the first list is here.
async function wait() {
  for (;;) {
    const { state, ready } = await ask({ ask: 'sync' });
    if (state === 'active') show('fetching');
    if (ready) return location.replace('/');
    if (!state) {
      show('code');
      return complain('removed');
    }
    await pause(state === 'active' ? 1000 : 3000);
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  enrol(form.elements.code.value);
});
page.hidden = false;
if (location.hash.length > 1) {
  form.elements.code.value = location.hash.slice(1);
  history.replaceState(history.state, '', location.pathname); // the code must not stay in the address
  enrol(form.elements.code.value);
}
