// The person's own account: profile, language and time zone, password.
import '../shell.js';
import { call, get, leave, post, put, renew } from '../api.js';
import { $, $$, setText, show } from '../dom.js';
import { Form } from '../form.js';
import { t } from '../text.js';
import { toast } from '../toast.js';
import { chosen, fillTimeZones, profile, zoneSelect } from '../profile.js';

let user;
const own = new Form($('#profile'), {
  async submit(values) {
    await put(`/api/users/${encodeURIComponent(user.id)}`, profile(values));
    leave('/account?saved'); // the whole page speaks the new language and time zone
  },
});
fillTimeZones(zoneSelect(own.element));

const password = new Form($('#password'), {
  guarded: false,
  check: ({ newPassword, repeat }) => chosen('newPassword', newPassword, repeat),
  async submit({ currentPassword, newPassword }) {
    await renew(async () => {
      await post(`/api/users/${encodeURIComponent(user.id)}/password`, { currentPassword, newPassword }, { renews: true });
      await signInAgain(newPassword);
    });
    password.fill({ currentPassword: '', newPassword: '', repeat: '' });
    toast(t('account.password.changed'));
  },
});

// A new password ends every session, this one included: sign in again with it.
async function signInAgain(secret) {
  try {
    await call('POST', '/login', new URLSearchParams({ login: user.login, password: secret }));
  } catch {
    leave('/login');
  }
}

async function load() {
  const root = $('#account');
  const state = (name) => { for (const part of $$('[data-state]', root)) show(part, part.dataset.state === name); };
  try {
    user = await get('/api/users/current-user');
    own.fill({ ...user });
    password.fill({ currentPassword: '', newPassword: '', repeat: '' });
    state('');
    for (const { element } of [own, password]) show(element, true);
    if (location.hash === '#password') $('[name=currentPassword]').focus();
  } catch (error) {
    setText($('[data-failure]', root), error.message);
    state('failed');
  }
}

if (location.search === '?saved') {
  history.replaceState(null, '', '/account');
  toast(t('account.saved'));
}
$('[data-retry]').addEventListener('click', load);
load();
