// What people call the settings of connectors. The manifests name each with a key; the table of texts has a label and a
// help text for that very place ("manifest.at.south.rest.host") or for every setting of that name ("manifest.key.host").
// What has neither is written out from its name.
import { has, t } from '../text.js';

const PREFIX = 'configuration.oibus.manifest.';
const WORDS = { url: 'URL', uri: 'URI', id: 'ID', ads: 'ADS', opc: 'OPC', smb: 'SMB', csv: 'CSV', json: 'JSON', api: 'API', oia: 'OIAnalytics', tcp: 'TCP', sas: 'SAS', ca: 'CA', ssl: 'SSL', pi: 'PI', ha: 'HA', qos: 'QoS', ams: 'AMS', adls: 'ADLS', aad: 'Azure AD' };

const first = (keys) => keys.find(has);
const places = ({ translationKey = '', key }) => [
  `manifest.at.${translationKey.replace(PREFIX, '').replace(/\.title$/, '')}#${key}`, `manifest.at.${translationKey.replace(PREFIX, '').replace(/\.title$/, '')}`, `manifest.key.${key}`,
];

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

// spelled writes out a name: "inputFolder" → "Input folder", "proxyUrl" → "Proxy URL".
export function spelled(name) {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[\s_-]+/).map((word) => WORDS[word.toLowerCase()] ?? word.toLowerCase());
  return words.join(' ').replace(/^[a-z]/, (letter) => letter.toUpperCase());
}
