import {
  isOneOf,
  PARAMETER_VALUES,
  SluiceError,
  type Parameter,
  type ParameterValue,
} from '@sluice/contracts';

type Given = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The values of a saved query's parameters, from the address. A list is given by repeating its name. What is not given has
 * its default, or no value where it is not required.
 * @throws SluiceError invalid_parameter, `field` names the parameter.
 */
export function readParameters(
  declared: Readonly<Record<string, Parameter>>,
  given: Given,
): Map<string, ParameterValue> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(declared, name)) throw invalid(name, 'There is no such parameter.');
  }
  const values = new Map<string, ParameterValue>();
  for (const [name, parameter] of Object.entries(declared)) {
    const text = Object.hasOwn(given, name) ? given[name] : undefined;
    const value = text === undefined ? parameter.default : readValue(name, parameter, text);
    if (value !== undefined) values.set(name, value);
    else if (parameter.required !== false) throw invalid(name, `A ${parameter.type} is required.`);
  }
  return values;
}

function readValue(name: string, parameter: Parameter, text: string | readonly string[]): ParameterValue {
  const { type } = parameter;
  const texts = typeof text === 'string' ? [text] : text;
  const isList = type.endsWith('[]');
  if (!isList && texts.length > 1) throw invalid(name, 'It is given more than once.');
  const items = texts.map((item) => readItem(item, type));
  const result = PARAMETER_VALUES[type].safeParse(isList ? items : items[0]);
  if (!result.success) {
    throw invalid(name, `It must be a ${type}: ${result.error.issues[0]?.message ?? 'it is not'}.`);
  }
  if (!isOneOf(result.data, parameter.enum)) {
    throw invalid(name, `It must be one of ${parameter.enum!.join(', ')}.`);
  }
  return result.data;
}

/** A text of the address as a value of the type; where it is none, as itself: the type's schema says what is wrong. */
function readItem(text: string, type: Parameter['type']): string | number | boolean {
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  const isNumber = type === 'number' || type === 'number[]';
  return isNumber && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

export function invalid(name: string, message: string): SluiceError {
  return new SluiceError('invalid_parameter', { message: `${name}: ${message}`, field: `/${name}` });
}
