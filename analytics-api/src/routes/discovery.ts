import {
  EVENT_COLUMNS,
  eventNamesSchema,
  problemSchema,
  propertiesSchema,
  propertyPathSchema,
  propertyValuesSchema,
  SluiceError,
} from '@sluice/contracts';
import { isReadableProperty } from '@sluice/warehouse';
import { z } from 'zod';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { lookUp } from '../ask/look-up.js';
import type { QueryScope } from '../ask/query-scope.js';
import { propertyOf, typesOf } from '../discovery/property-path.js';
import {
  askEventNames,
  askLookedAt,
  askPropertyKeys,
  askValues,
  type Looked,
} from '../questions/discovery.js';
import { isoOf } from '../time/range.js';
import { textParameter } from './parameters.js';

/** Events that are looked at for keys, each of which is read with all its properties. */
const NEWEST_FOR_KEYS = 10_000;
/** … and for values, of which one column is read. */
const NEWEST_FOR_VALUES = 100_000;

const faults = { '4xx': problemSchema, '5xx': problemSchema };
const prefix = z.string().max(256).default('').describe('What it begins with, whatever the case.');
const limit = z.coerce.number().int().min(1).max(1_000).default(100);
const key = textParameter.max(256);

/** What there is to ask about: names of events, keys of properties, values. */
export function registerDiscovery(app: ApiScope, context: ApiContext): void {
  app.get(
    '/v1/events/names',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List the names of events, the most frequent first',
        querystring: z.strictObject({ prefix, limit }),
        response: { 200: eventNamesSchema, ...faults },
      },
    },
    async (request, reply) =>
      lookUp(
        async (scope) => {
          const rows = await scope.ask(askEventNames(scope.statement().statement, request.query));
          const names = rows.map(({ first_ms, last_ms, ...name }) => ({
            ...name,
            first_seen: isoOf(first_ms),
            last_seen: isoOf(last_ms),
          }));
          return { names, complete_through: completeThrough(scope) };
        },
        askerOf(request, reply),
        context,
      ),
  );

  app.get(
    '/v1/properties',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List the properties of the newest events, or the traits of people',
        description: `Of the newest ${NEWEST_FOR_KEYS} events; with \`of=user\` of the newest messages in which people were described.`,
        querystring: z.strictObject({
          event: textParameter.optional(),
          of: z.enum(['event', 'user']).default('event'),
          prefix,
          limit,
        }),
        response: { 200: propertiesSchema, ...faults },
      },
    },
    async (request, reply) => {
      const { event, of, ...rest } = request.query;
      if (of === 'user' && event !== undefined) {
        throw new SluiceError('invalid_request', { message: 'Traits belong to no event.', field: '/event' });
      }
      const looked = of === 'user' ? 'identify' : lookedOf(event);
      const options = { looked, newest: NEWEST_FOR_KEYS, ...rest };
      return lookUp(
        async (scope) => {
          const rows = await scope.ask(askPropertyKeys(scope.statement().statement, options));
          const properties = rows.flatMap(({ path, types, events }) => {
            const property = propertyOf(path);
            return property === undefined ? [] : [{ property, types: typesOf(types), events }];
          });
          return { properties, ...(await sample(scope, options)) };
        },
        askerOf(request, reply),
        context,
      );
    },
  );

  app.get(
    '/v1/properties/values',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List values that the newest events have, the most frequent first',
        description: `Of the newest ${NEWEST_FOR_VALUES} events. A nested property is named by repeating \`property\`, from the outermost key inwards.`,
        querystring: z.strictObject({
          property: z.union([key, z.array(key)]).optional(),
          user_property: z.union([key, z.array(key)]).optional(),
          column: z.enum(EVENT_COLUMNS).optional(),
          event: textParameter.optional(),
          prefix,
          limit,
        }),
        response: { 200: propertyValuesSchema, ...faults },
      },
    },
    async (request, reply) => {
      const { property, user_property, column, event, ...rest } = request.query;
      const named = [property, user_property, column].filter((one) => one !== undefined);
      if (named.length !== 1 || (user_property !== undefined && event !== undefined)) {
        throw new SluiceError('invalid_request', {
          message: 'Name one of property, user_property and column; traits belong to no event.',
          field: '/property',
        });
      }
      const of = column !== undefined ? { column } : { property: readPath(property ?? user_property) };
      const looked = user_property === undefined ? lookedOf(event) : 'identify';
      const options = { of, looked, newest: NEWEST_FOR_VALUES, ...rest };
      return lookUp(
        async (scope) => {
          const values = await scope.ask(askValues(scope.statement().statement, options));
          return { values, ...(await sample(scope, options)) };
        },
        askerOf(request, reply),
        context,
      );
    },
  );
}

function lookedOf(event: string | undefined): Looked {
  return event === undefined ? 'all' : { event };
}

function readPath(path: string | string[] | undefined): string | string[] {
  const result = propertyPathSchema.safeParse(path);
  if (result.success && isReadableProperty([result.data].flat())) return result.data;
  throw new SluiceError('invalid_request', {
    message: 'No question can name this property.',
    field: '/property',
  });
}

async function sample(scope: QueryScope, options: { looked: Looked; newest: number }) {
  const [row] = await scope.ask(askLookedAt(scope.statement().statement, options));
  const looked = row?.looked_at ?? 0;
  return {
    events_looked_at: looked,
    sampled: looked === options.newest,
    complete_through: completeThrough(scope),
  };
}

function completeThrough({ completeThroughMs }: QueryScope): string | null {
  return completeThroughMs === undefined ? null : isoOf(completeThroughMs);
}
