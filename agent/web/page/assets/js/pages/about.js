// Versions and licence, with the facts to paste into a support request.
import '../shell.js';
import { $, $$, copy } from '../dom.js';
import { t } from '../text.js';
import { toast } from '../toast.js';

$('#copy-facts').addEventListener('click', async () => {
  const lines = $$('#facts > div').map((fact) => `${$('dt', fact).textContent}: ${$('dd', fact).textContent.trim()}`);
  try {
    await copy(lines.join('\n'));
    toast(t('action.copied'));
  } catch {
    toast(t('failure.copy'), { bad: true });
  }
});
