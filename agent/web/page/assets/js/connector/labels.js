// What people call the settings of connectors. The manifests name each with a key; the table of texts has a label and a
// help text for that very place ("manifest.at.south.rest.host"), for all parts of that name wherever they stand
// ("manifest.part.serialization.type") or for every setting of that name ("manifest.key.host"). What has none is written
// out from its name.
import { has, t } from '../text.js';

const PREFIX = 'configuration.oibus.manifest.';
const WORDS = { url: 'URL', uri: 'URI', id: 'ID', ads: 'ADS', opc: 'OPC', smb: 'SMB', csv: 'CSV', json: 'JSON', api: 'API', oia: 'OIAnalytics', tcp: 'TCP', sas: 'SAS', ca: 'CA', ssl: 'SSL', pi: 'PI', ha: 'HA', qos: 'QoS', ams: 'AMS', adls: 'ADLS', aad: 'Azure AD' };

const first = (keys) => keys.find(has);

function places({ translationKey = '', key }) {
  const place = translationKey.replace(PREFIX, '').replace(/\.title$/, '');
  const part = place.split('.').filter((name) => name !== key).at(-1);
  return [`manifest.at.${place}#${key}`, `manifest.at.${place}`, `manifest.part.${part}.${key}`, `manifest.key.${key}`];
}

export function label(attribute) {
  const key = first(places(attribute));
  return key ? t(key) : spelled(attribute.key);
}

export function help(attribute) {
  const key = first(places(attribute).map((place) => `${place}.hint`));
  return key ? t(key) : '';
}

// choice is a value of a list as people say it.
export function choice(attribute, value) {
  const key = first([...places(attribute).map((place) => `${place}.${value}`), `manifest.value.${value}`]);
  return key ? t(key) : value;
}

export const typeName = (type) => (has(`type.${type}`) ? t(`type.${type}`) : spelled(type));
export const typeAbout = (kind, type) => first([`type.${kind}.${type}.text`, `type.${type}.text`]) ?? '';
export const transformerName = (transformer) => {
  const name = transformer?.functionName ?? transformer?.name ?? '';
  return has(`transformer.${name}`) ? t(`transformer.${name}`) : name;
};

// byName sorts transformers by the name that people see.
export const byName = (transformers) => [...transformers].sort((a, b) => transformerName(a).localeCompare(transformerName(b), document.documentElement.lang, { numeric: true }));

// spelled writes out a name: "inputFolder" → "Input folder", "proxyUrl" → "Proxy URL".
export function spelled(name) {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[\s_-]+/).map((word) => WORDS[word.toLowerCase()] ?? word.toLowerCase());
  return words.join(' ').replace(/^[a-z]/, (letter) => letter.toUpperCase());
}
