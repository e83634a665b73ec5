// Users: who may sign in. A person changes their own password on the account page.
import '../shell.js';
import { get } from '../api.js';
import { $, clone, later, setText, show } from '../dom.js';
import { Editor, List, pager } from '../list.js';
import { t } from '../text.js';
import { chosen, fillTimeZones, ownZone, profile, zoneSelect } from '../profile.js';

const self = document.documentElement.dataset.user;
const root = $('#list');
const filters = $('#filters');
let page = 0;

const showPage = pager(root, (number) => { page = number; list.refresh(); });

const list = new List(root, async () => {
  const found = await get('/api/users', { login: filters.elements.login.value.trim(), page });
  list.rows(found.content.map(row));
  showPage(found);
  return found.content.length ? 'rows' : 'empty';
});

const editor = new Editor({
  path: '/api/users', kind: 'users', saved: () => list.refresh({ quiet: true }),
  toForm: (user) => ({ password: '', repeat: '', ...(user ?? { login: '', language: 'en', timezone: ownZone() }) }),
  opened: (user, form) => show($('[data-new-only]', form.element), !user),
  check: ({ password, repeat }, user) => (user ? {} : chosen('password', password, repeat)),
  toBody: (values, user) => (user ? profile(values) : { user: profile(values), password: values.password }),
});
fillTimeZones(zoneSelect(editor.dialog));

function row(user) {
  const name = [user.firstName, user.lastName].filter(Boolean).join(' ');
  const element = clone($('#row'), {
    login: user.login, name: name || '–', email: user.email || '–', language: t(`users.language.${user.language}`), timezone: user.timezone.replaceAll('_', ' '),
  });
  const isSelf = user.id === self;
  show($('[data-you]', element), isSelf);
  const [edit, drop] = [$('[data-edit]', element), $('[data-delete]', element)];
  edit.setAttribute('aria-label', t('users.editOne', { name: user.login }));
  edit.addEventListener('click', () => (isSelf ? location.assign('/account') : editor.change(user)));
  drop.setAttribute('aria-label', t('users.deleteOne', { name: user.login }));
  drop.addEventListener('click', () => editor.drop(user));
  show(drop, !isSelf); // nobody deletes the account they use
  return element;
}

filters.addEventListener('submit', (event) => event.preventDefault());
filters.elements.login.addEventListener('input', later(() => {
  page = 0;
  list.refresh({ quiet: true });
}, 250));
setText($('#editor-title'), t('users.create'));
list.refresh();
