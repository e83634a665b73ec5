// Dialogs: modal, closed with Escape or a button, focus going back to where it came from.
import { $, $$, setText } from './dom.js';
import { t } from './text.js';

export function openDialog(dialog) {
  const origin = document.activeElement;
  dialog.returnValue = '';
  dialog.showModal();
  dialog.addEventListener('close', () => {
    document.body.append($('#toasts')); // toasts outlive the dialog they appeared in
    if (origin?.isConnected) origin.focus();
  }, { once: true });
}

for (const dialog of $$('dialog')) {
  for (const button of $$('[data-close]', dialog)) {
    button.addEventListener('click', () => { if (dialog.dispatchEvent(new Event('cancel', { cancelable: true }))) dialog.close(); }); // as Escape does
  }
  if (dialog.classList.contains('dialog-side') && !$('form', dialog)) { // what is typed is not thrown away by a click
    dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  }
}

let answer; // takes the answer to the question that is open

$('#confirm')?.addEventListener('close', ({ target }) => {
  if (target.open) return; // the next question came before this event
  answer?.(target.returnValue === 'yes');
  answer = undefined;
});

// ask asks a question and answers true when the person says yes.
export function ask({ title, text, yes, danger = false }) {
  const dialog = $('#confirm');
  answer?.(false);
  setText($('#confirm-title'), title);
  setText($('#confirm-text'), text);
  const button = $('#confirm-yes');
  setText(button, yes);
  button.classList.toggle('danger', danger);
  button.classList.toggle('primary', !danger);
  openDialog(dialog);
  return new Promise((resolve) => { answer = resolve; });
}

// guard asks before what was typed into a dialog is thrown away, by Escape or a button.
export function guard(dialog, dirty) {
  dialog.addEventListener('cancel', async (event) => {
    if (event.target !== dialog || !dirty()) return; // the choice of a file can be cancelled too
    event.preventDefault();
    if (await ask({ title: t('form.leave'), text: t('form.leave.text'), yes: t('form.discard'), danger: true })) dialog.close();
  });
}
