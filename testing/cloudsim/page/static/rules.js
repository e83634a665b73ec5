// Adds and removes answer rules.
import { call, show } from './call.js';

const form = document.getElementById('rule-form');
const problem = document.getElementById('rule-problem');
const field = (name) => form.elements[name].value.trim();

function showFields() {
  for (const e of form.querySelectorAll('[data-effect]')) e.hidden = e.dataset.effect !== field('effect');
}

// rule has only the keys of the chosen effect.
function rule() {
  const out = { endpoint: field('endpoint') };
  const text = (name) => { if (field(name)) out[name] = field(name); };
  const number = (name) => { if (field(name)) out[name] = Number(field(name)); };
  text('agent');
  ['count', 'skip', 'probability'].forEach(number);
  if (form.elements.process.checked) out.process = true;
  switch (field('effect')) {
    case 'status': number('status'); text('retryAfter'); text('text'); break;
    case 'drop': out.drop = true; break;
    case 'garbage': text('garbage'); break;
    case 'truncate': number('truncateAfter'); break;
    case 'delay': number('delayMs'); break;
    case 'slow': number('bytesPerSecond'); break;
  }
  return out;
}

async function act(method, path, body) {
  show(problem, '');
  try {
    await call(method, path, body);
    location.reload();
  } catch (error) {
    show(problem, error.message);
  }
}

form.elements.effect.addEventListener('change', showFields);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  act('POST', '/control/rules', rule());
});
document.addEventListener('click', (event) => {
  if (event.target.id === 'reset') act('DELETE', '/control/rules');
  const id = event.target.dataset && event.target.dataset.remove;
  if (id) act('DELETE', `/control/rules/${encodeURIComponent(id)}`);
});
showFields();
