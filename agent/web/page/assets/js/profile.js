// What the account page and the list of users share: the fields of a person.
import { $ } from './dom.js';
import { t } from './text.js';

const LEAST = 8; // characters of a password that is chosen here

// fillTimeZones offers the time zones that the browser knows.
export function fillTimeZones(select) {
  const zones = Intl.supportedValuesOf?.('timeZone') ?? [];
  select.replaceChildren(...[...new Set(['UTC', ...zones])].map((zone) => new Option(zone.replaceAll('_', ' '), zone)));
}

export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC';

// profile is the body of the API for the values of the fields.
export const profile = ({ login, firstName, lastName, email, language, timezone }) => ({
  login: login.trim(), firstName: firstName.trim() || null, lastName: lastName.trim() || null, email: email.trim() || null, language, timezone,
});

export const zoneSelect = (root) => $('[name=timezone]', root);

// chosen says what is wrong with a new password that was typed twice, by the name of the field.
export function chosen(field, password, repeat) {
  if ([...password].length < LEAST) return { [field]: t('invalid.password', { min: LEAST }) };
  return password === repeat ? {} : { repeat: t('invalid.repeat') };
}
