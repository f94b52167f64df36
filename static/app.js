// What every page with htmx shares: the token, honest failures, focus, and the worker's registration.
const csrf = document.querySelector('meta[name=csrf-token]')?.content; // pages that leave no trace have none

document.addEventListener('htmx:config:request', ({ detail }) => {
  if (detail.ctx.request.method !== 'GET') detail.ctx.request.headers['X-CSRFToken'] = csrf;
});

const say = (sentence) => {
  const region = document.getElementById('flashes');
  const banner = document.createElement('p');
  banner.className = 'banner t-amber strong';
  banner.textContent = sentence;
  region.replaceChildren(banner);
  region.scrollIntoView({ block: 'nearest' });
};
document.addEventListener('htmx:error', ({ target }) => {
  if (target.dataset?.quiet === undefined) say(document.body.dataset.failed); // help while typing may fail unseen
});
document.addEventListener('htmx:response:error', ({ detail }) => {
  if (detail.ctx.response.status >= 500) say(document.body.dataset.refused);
});

// A refused form: the summary is read first. Only in what just came: another part may hold an older one.
const focus = (root) => (root.querySelector('.errors') ?? root.querySelector('[data-focus]'))?.focus();
document.addEventListener('htmx:after:swap', ({ target }) => focus(target));
focus(document);

// Words in a box that were not sent: the browser asks before they are left behind.
let sent = false;
addEventListener('submit', () => { sent = true; });
addEventListener('pageshow', () => { sent = false; });
addEventListener('beforeunload', (event) => {
  const typed = [...document.querySelectorAll('textarea')].some((box) => box.value !== box.defaultValue);
  if (typed && !sent) event.preventDefault();
});

// Where there is a script, printing is one tap.
for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => print());
}

// A menu closes when one looks elsewhere.
document.addEventListener('click', ({ target }) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(target)) menu.open = false;
  }
});

// Pages that leave no trace. Here, not in a file of its own: that would name them in the browser's cache.
// No worker comes with them, and what follows them takes their place: Back does not show them again.
const exit = document.querySelector('.sos [data-leave]');
const leave = () => {
  document.body.hidden = true; // at once, however slow the next page is
  location.replace(exit.href);
};
const traceless = () => {
  let escaped = -Infinity;
  addEventListener('keydown', ({ key, timeStamp }) => {
    if (key !== 'Escape') return;
    if (timeStamp - escaped < 2000) leave();
    escaped = timeStamp;
  });
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href]');
    if (link?.origin !== location.origin || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.dataset.leave !== undefined) leave();
    else location.replace(link.href);
  });
  document.addEventListener('submit', (event) => { // a language: posted as forms are, it would leave an entry
    event.preventDefault();
    const { method, action } = event.target;
    if (method !== 'post') return;
    fetch(action, { method, body: new URLSearchParams(new FormData(event.target)), redirect: 'manual' })
      .then(() => location.reload());
  });
  for (const hint of document.querySelectorAll('[data-leave-hint]')) hint.hidden = false;
};
if (exit) traceless();
else navigator.serviceWorker?.register('/sw.js', { scope: '/', updateViaCache: 'none' });
