// Keeps what the page shows up to date: elements marked data-live are replaced when the simulator says that something
// changed, and every few seconds for the ages in them. Nothing that a person is using is touched.
const main = document.querySelector('main');
let version = main ? main.dataset.version : '0';

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const old of document.querySelectorAll('[data-live][id]')) {
    const now = fresh.getElementById(old.id);
    if (!now || now.innerHTML === old.innerHTML || inUse(old)) continue;
    const open = [...old.querySelectorAll('details')].map((d) => d.open);
    const places = [...old.querySelectorAll('pre')].map((p) => p.scrollTop);
    old.innerHTML = now.innerHTML;
    [...old.querySelectorAll('details')].forEach((d, i) => { d.open = !!open[i]; });
    [...old.querySelectorAll('pre')].forEach((p, i) => { p.scrollTop = places[i] || 0; });
  }
}

function inUse(element) {
  const selection = document.getSelection();
  return element.contains(document.activeElement) ||
    (selection && !selection.isCollapsed && element.contains(selection.anchorNode));
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function follow() {
  for (;;) {
    if (document.hidden) { // nobody looks: start again when somebody does
      await new Promise((resolve) => { document.addEventListener('visibilitychange', resolve, { once: true }); });
    }
    try {
      const answer = await fetch(`/control/changes?since=${version}&timeout=5`);
      version = String((await answer.json()).version);
      await refresh();
      await pause(500); // a fleet of agents changes something all the time
    } catch {
      await pause(3000); // the simulator is stopped or starts again
    }
  }
}

// Filters apply as soon as a list is changed; destructive forms ask first.
for (const form of document.querySelectorAll('form[data-submit]')) {
  for (const select of form.querySelectorAll('select')) {
    select.addEventListener('change', () => form.requestSubmit());
  }
}
document.addEventListener('submit', (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

if (main && document.querySelector('[data-live]')) follow();
