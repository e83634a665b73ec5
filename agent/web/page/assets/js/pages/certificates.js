// Certificates: those OIBus made for connectors, when they end, and their public part to hand to others.
import '../shell.js';
import { get } from '../api.js';
import { openDialog } from '../dialog.js';
import { $, $$, clone, copy, download, setText, show } from '../dom.js';
import { day, instant, moment } from '../format.js';
import { Editor, List } from '../list.js';
import { serverNow } from '../live.js';
import { plural, t } from '../text.js';
import { toast } from '../toast.js';

const SOON = 60; // days before the end from which on it is worth a warning
let open;

const list = new List($('#list'), async () => {
  const all = await get('/api/certificates');
  list.rows(all.map(row));
  return all.length ? 'rows' : 'empty';
});

const editor = new Editor({
  path: '/api/certificates', kind: 'certificates', saved: () => list.refresh({ quiet: true }),
  toForm: (thing) => ({
    name: thing?.name ?? '', description: thing?.description ?? '', regenerateCertificate: !thing,
    options: { commonName: 'OIBus', organizationName: '', countryName: '', stateOrProvinceName: '', localityName: '', keySize: 4096, daysBeforeExpiry: 365 },
  }),
  // A new certificate is always generated; of an old one only on request.
  opened: (thing, form) => show($('[data-field=regenerateCertificate]', form.element), !!thing),
  toBody: ({ options, ...values }) => ({
    ...values, options: values.regenerateCertificate ? { ...options, keySize: Number(options.keySize) } : null,
  }),
});

function row(certificate) {
  const element = clone($('#row'), {
    name: certificate.name, description: certificate.description ?? '', expiry: day(certificate.expiry), updated: moment(certificate.updatedAt),
  });
  const badge = $('.badge', element);
  const { tone, text } = expiry(certificate);
  badge.classList.add(`badge-${tone}`);
  setText(badge, text);
  $('[data-text=updated]', element).title = instant(certificate.updatedAt);
  $('[data-open]', element).addEventListener('click', () => details(certificate));
  const [edit, drop] = [$('[data-edit]', element), $('[data-delete]', element)];
  edit.setAttribute('aria-label', t('certificates.editOne', { name: certificate.name }));
  edit.addEventListener('click', () => editor.change(certificate));
  drop.setAttribute('aria-label', t('certificates.deleteOne', { name: certificate.name }));
  drop.addEventListener('click', () => editor.drop(certificate));
  return element;
}

function expiry(certificate) {
  const days = Math.floor((Date.parse(certificate.expiry) - serverNow()) / 86_400_000);
  if (days < 0) return { tone: 'bad', text: t('certificates.expired') };
  if (days <= SOON) return { tone: 'warn', text: plural('certificates.soon', days) };
  return { tone: 'ok', text: t('certificates.valid') };
}

async function details(certificate) {
  open = certificate;
  setText($('#details-title'), certificate.name);
  const set = (name, text) => setText($(`[data-detail="${name}"]`), text || '–');
  setText($('[data-detail=description]'), certificate.description ?? '');
  set('pem', certificate.certificate);
  for (const name of ['subject', 'notBefore', 'notAfter', 'names', 'key', 'serial', 'fingerprint']) set(name, '');
  openDialog($('#details'));
  try {
    const facts = await get(`/page/certificates/${encodeURIComponent(certificate.id)}`);
    if (open !== certificate) return;
    for (const name of ['subject', 'key', 'serial', 'fingerprint']) set(name, facts[name]);
    set('notBefore', instant(facts.notBefore));
    set('notAfter', instant(facts.notAfter));
    set('names', facts.names.join(', '));
  } catch (error) {
    set('subject', error.message);
  }
}

const fileName = (certificate) => certificate.name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^-+|-+$/g, '') || 'certificate';

for (const button of $$('[data-download]')) {
  button.addEventListener('click', () => {
    const isKey = button.dataset.download === 'publicKey';
    download(`${fileName(open)}${isKey ? '.public' : ''}.pem`, open[button.dataset.download], 'application/x-pem-file');
  });
}

$('[data-copy-pem]').addEventListener('click', async () => {
  try {
    await copy(open.certificate);
    toast(t('action.copied'));
  } catch {
    toast(t('failure.copy'), { bad: true });
  }
});

list.refresh();
