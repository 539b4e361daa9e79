import { z } from 'zod';
import { instantSchema } from './query/answer.js';
import { nameSchema, textSchema } from './query/fields.js';
import { boundSchema } from './query/range.js';

/** Questions that are addresses: saved under a name, run with parameters. */

export const PARAMETER_TYPES = ['string', 'number', 'boolean', 'date', 'string[]', 'number[]'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** Alternatives that one parameter stands for at most. */
const MAX_ITEMS = 200;
const number = z.number();
const texts = z.array(textSchema).min(1).max(MAX_ITEMS);
const numbers = z.array(number).min(1).max(MAX_ITEMS);

/** What a value of each type is. A date is a bound of a range: a date, a local date and time, or an instant. */
export const PARAMETER_VALUES = {
  string: textSchema,
  number,
  boolean: z.boolean(),
  date: boundSchema,
  'string[]': texts,
  'number[]': numbers,
} as const satisfies Record<ParameterType, z.ZodType>;
export type ParameterValue = string | number | boolean | string[] | number[];

const valueSchema = z.union([textSchema, number, z.boolean(), texts, numbers]);

export const parameterSchema = z
  .strictObject({
    type: z.enum(PARAMETER_TYPES),
    description: textSchema.default(''),
    default: valueSchema.optional(),
    required: z
      .boolean()
      .optional()
      .describe(
        'Default: true where there is no default. What is not required and not given is left out of the question, with the key it stands at.',
      ),
    enum: z
      .array(z.union([textSchema, number]))
      .min(1)
      .max(100)
      .optional()
      .describe('The only values there may be; of a list, for each item.'),
  })
  .superRefine((parameter, context) => {
    const fault = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', message, path: [key] });
    const isList = parameter.type.endsWith('[]');
    const single =
      PARAMETER_VALUES[isList ? (parameter.type.slice(0, -2) as 'string' | 'number') : parameter.type];
    if (parameter.enum?.some((item) => !single.safeParse(item).success) === true) {
      fault('enum', `must hold values of the type ${parameter.type}`);
    }
    if (parameter.default === undefined) return;
    if (parameter.required === true) fault('required', 'must not be true where there is a default');
    if (!PARAMETER_VALUES[parameter.type].safeParse(parameter.default).success) {
      fault('default', `must be a ${parameter.type}`);
    } else if (!isOneOf(parameter.default, parameter.enum)) {
      fault('default', 'must be one of enum');
    }
  });
export type Parameter = z.infer<typeof parameterSchema>;
export type ParameterInput = z.input<typeof parameterSchema>;

/** Whether a value, or every item of a list, is among those that may be. */
export function isOneOf(value: ParameterValue, allowed: readonly (string | number)[] | undefined): boolean {
  if (allowed === undefined) return true;
  return (Array.isArray(value) ? value : [value]).every((item) => (allowed as unknown[]).includes(item));
}

/** Names of parameters that mean something else in the address. */
export const RESERVED_PARAMETERS = ['version'] as const;

export const parameterNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower case letters, digits and _, 64 at most, a letter first')
  .refine((name) => !(RESERVED_PARAMETERS as readonly string[]).includes(name), 'is reserved');

/** `PUT /v1/saved/:name`: a new version. */
export const savedInputSchema = z.strictObject({
  description: textSchema.default(''),
  query: z
    .record(z.string(), z.unknown())
    .describe('A question as of `POST /v1/query`, with {"$param": name} wherever a parameter goes.'),
  parameters: z
    .record(parameterNameSchema, parameterSchema)
    .default({})
    .refine((parameters) => Object.keys(parameters).length <= 20, 'must be 20 at most'),
});
export type SavedInput = z.input<typeof savedInputSchema>;
export type SavedDefinition = z.infer<typeof savedInputSchema>;

export const savedQuerySchema = z.object({
  name: nameSchema,
  version: z.int().positive(),
  description: z.string(),
  query: z.record(z.string(), z.unknown()),
  parameters: z.record(z.string(), parameterSchema),
  created_at: instantSchema,
});
export type SavedQuery = z.infer<typeof savedQuerySchema>;

export const savedListSchema = z.object({
  saved: z.array(savedQuerySchema).describe('The newest version of each, by name.'),
});
export type SavedList = z.infer<typeof savedListSchema>;

export const savedVersionsSchema = z.object({
  name: nameSchema,
  versions: z.array(
    savedQuerySchema.omit({ name: true }).extend({
      deleted: z.boolean().describe('Kept to be looked at; it answers no more.'),
    }),
  ),
});
export type SavedVersions = z.infer<typeof savedVersionsSchema>;

/** Forms in which a saved query answers; `live` streams. */
export const SAVED_FORMATS = ['json', 'csv', 'ndjson', 'parquet'] as const;
export type SavedFormat = (typeof SAVED_FORMATS)[number];
