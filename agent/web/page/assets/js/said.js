// What the REST API and connectors answer in English, in the language of the person: the texts that people meet. Any
// other is shown as it came, for it says more than nothing.
import { t } from './text.js';

// known are patterns, the text that says the same, and the names of its values in the order of the groups.
const known = [
  [/^is (required|not allowed to be empty)/, 'invalid.required'],
  [/^must be a (safe )?number/, 'invalid.number'],
  [/^must be an integer/, 'invalid.integer'],
  [/^must be greater than or equal to (.+?)\.?$/, 'invalid.min', 'min'],
  [/^must be less than or equal to (.+?)\.?$/, 'invalid.max', 'max'],
  [/^must be a valid uri/, 'invalid.url'],
  [/^must be a valid port/, 'said.port'],
  [/^must be one of \[(.+)\]/, 'said.oneOf', 'values'],
  [/^must be a string/, 'said.string'],
  [/^length must be at least (\d+) characters long/, 'said.short', 'n'],
  [/^is not your present password/, 'said.password'],
  [/ name "?(.+?)"? already (?:exists|used)/, 'said.exists', 'name'],
  [/connector of type "(.+)" not installed/, 'connector.notInstalled', 'type'],
  [/^Scan mode not specified/, 'said.noScanMode'],
  [/^(?:Scan mode|Group) "?(.+?)"? not found/, 'said.notFound', 'name'],
  [/^User "(.+)" is the last one/, 'said.lastUser', 'name'],
  [/^no item is enabled/, 'said.noItem'],
  [/^Folder "(.+)" does not exist/, 'said.noFolder', 'name'],
  [/^Expression has only \d+ parts?\./, 'said.cronParts'],
  [/^Too many fields\./, 'said.cronFields'],
  [/ECONNREFUSED(?: (\S+))?/, 'said.refused', 'address'],
  [/(?:ENOTFOUND|EAI_AGAIN)(?: (\S+))?/, 'said.noHost', 'address'],
  [/ETIMEDOUT(?: (\S+))?/, 'said.timedOut', 'address'],
  [/(?:EHOSTUNREACH|ENETUNREACH)(?: (\S+))?/, 'said.unreachable', 'address'],
];

export function said(text) {
  if (document.documentElement.lang === 'en') return text;
  for (const [pattern, key, name] of known) {
    const match = pattern.exec(text);
    if (match) return t(key, name ? { [name]: match.at(-1) ?? '' } : {}).trim();
  }
  return text;
}
