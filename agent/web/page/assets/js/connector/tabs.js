// Tabs: the address remembers which one is open, arrow keys go from one to the next.
import { $, $$, show } from '../dom.js';
import { root } from './base.js';

// openTabs shows the tab that the address asks for, else the first. tabs are called once, when theirs is first opened.
export function openTabs(shared, tabs) {
  const buttons = $$('[role=tab]', root);
  const opened = new Set();
  const choose = (name, focus) => {
    const wanted = buttons.some((b) => b.dataset.tab === name) ? name : buttons[0].dataset.tab;
    for (const button of buttons) {
      const chosen = button.dataset.tab === wanted;
      button.setAttribute('aria-selected', String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      show($(`#panel-${button.dataset.tab}`), chosen);
      if (chosen && focus) button.focus();
      if (chosen) button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    if (!opened.has(wanted)) tabs[wanted]?.(shared);
    opened.add(wanted);
  };
  for (const button of buttons) {
    button.addEventListener('click', () => {
      history.replaceState(null, '', `#${button.dataset.tab}`);
      choose(button.dataset.tab);
    });
  }
  $('#tabs').addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = buttons.findIndex((b) => b.tabIndex === 0);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    history.replaceState(null, '', `#${next.dataset.tab}`);
    choose(next.dataset.tab, true);
    event.preventDefault();
  });
  window.addEventListener('hashchange', () => choose(location.hash.slice(1)));
  show($('#tabs'), true);
  choose(location.hash.slice(1));
}
