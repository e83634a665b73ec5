// What every page has around its content: navigation, theme, user menu, the state of the link with the cloud.
import './reveal.js';
import './dialog.js';
import { $, $$, setText, show } from './dom.js';
import { number, relativeTo } from './format.js';
import { serverNow, start, subscribe } from './live.js';
import { t } from './text.js';

const narrow = window.matchMedia('(max-width: 68rem)');
const side = $('#side');
const opener = $('#menu-open');

// On a narrow window the navigation is a drawer: while it is closed nothing in it can be reached.
function drawer(open) {
  document.body.classList.toggle('menu-open', open);
  opener.setAttribute('aria-expanded', String(open));
  show($('#backdrop'), open);
  side.inert = narrow.matches && !open;
  $('#main').inert = open;
  if (open) $('#menu-close').focus();
}

function closeDrawer() {
  if (!document.body.classList.contains('menu-open')) return;
  drawer(false);
  opener.focus();
}

opener.addEventListener('click', () => drawer(true));
$('#menu-close').addEventListener('click', closeDrawer);
$('#backdrop').addEventListener('click', closeDrawer);
narrow.addEventListener('change', () => drawer(false));
drawer(false);

const menu = $('#user-menu');
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  closeDrawer();
  if (menu.open) {
    menu.open = false;
    $('summary', menu).focus();
  }
});
document.addEventListener('click', (event) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
menu.addEventListener('focusout', (event) => { if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false; });

for (const choice of $$('input[name=theme]')) {
  choice.addEventListener('change', () => {
    document.documentElement.dataset.theme = choice.value;
    $('meta[name=color-scheme]').content = choice.value === 'auto' ? 'light dark' : choice.value;
    const age = choice.value === 'auto' ? 0 : 31_536_000;
    document.cookie = `oibus-theme=${choice.value}; path=/; max-age=${age}; samesite=strict`;
  });
}

$('#reload').addEventListener('click', () => location.reload());

// linkState says how the link with OIAnalytics is: ok, warn, bad or off.
export function linkState({ registration, cloud }) {
  if (registration.status === 'PENDING') return expired(registration) ? 'bad' : 'warn';
  if (registration.status !== 'REGISTERED') return 'off';
  return cloud.lastError ? 'bad' : 'ok';
}

export const expired = ({ expiresAt }) => !!expiresAt && Date.parse(expiresAt) <= serverNow();

function linkDetail(overview) {
  const { registration, cloud } = overview;
  if (registration.status === 'PENDING') return t(expired(registration) ? 'link.expired' : 'link.pending');
  if (registration.status !== 'REGISTERED') return t('link.off');
  if (cloud.lastError) return t('link.error');
  return cloud.lastContact ? t('link.contact', { ago: relativeTo(cloud.lastContact, serverNow()) }) : t('link.registered');
}

subscribe((overview) => {
  const state = linkState(overview);
  for (const led of $$('[data-cloud=led]')) led.className = `led led-${state}`;
  setText($('[data-cloud=detail]'), linkDetail(overview));
  for (const name of $$('.brand-name')) setText(name, overview.info.oibusName);
  const waiting = overview.commands.waiting + overview.commands.running;
  show($('[data-commands-waiting]'), waiting > 0);
  setText($('[data-commands-waiting]'), number(waiting));
});

start();
