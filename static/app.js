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

navigator.serviceWorker?.register('/sw.js', { scope: '/', updateViaCache: 'none' });
