// Code to begin with, for what a transformer takes and makes.
import { t } from '../text.js';

const NOTE = `// ${t('code.note')}\n`;

export function template({ language, inputType, outputType }) {
  const typed = language === 'typescript';
  const listed = inputType !== 'any';
  const of = (type) => (typed ? `: ${type}` : '');
  const head = `${typed ? 'export ' : ''}function transform(content${of('string')}, source${of('unknown')}, filename${of('string')}, options${of('Record<string, unknown>')}) {`;
  if (!listed) return `${NOTE}${head}\n  const input = JSON.parse(content);\n  const data = ${outputType === 'any' ? 'input' : '[input]'};\n  return { data, filename, numberOfElement: 1 };\n}\n`;
  const kept = inputType === 'setpoint' ? 'one.reference' : 'one.pointId';
  return `${NOTE}${head}\n  const list${of('any[]')} = JSON.parse(content);\n  const data = list.filter((one) => ${kept} !== '');\n  return { data, filename, numberOfElement: data.length };\n}\n`;
}
