/** What the other project has, by the names that somebody might guess, and what only its answers would give away. */
export const VICTIM = {
  event: 'victim-event',
  userId: 'victim-user',
  path: '/victim-path',
  property: 'victim_property',
  value: 'victim-value',
  cohort: 'victim-cohort',
  saved: 'victim-saved',
  watch: 'victim-watch',
  channel: 'victim-channel',
  queryId: 'victim-query',
} as const;

/** Stands in what the other project stored, and in no attempt: where it shows, something got across. */
export const SECRET = 'secret-8c1f7e';

/** Text that matches nothing and means nothing: what an answer to an attempt must look like. */
const CONTROL = 'nothing-such-as-this';
/** The same where only a few characters have room. */
const SHORT_CONTROL = 'zz9';

/** What stands in the place of a text in the request that its answer is compared with. */
export function controlFor(text: string): string {
  return text.length <= SHORT_CONTROL.length ? SHORT_CONTROL : CONTROL;
}

/** Guesses at the other project's names. */
export const GUESSES: readonly string[] = [
  VICTIM.event,
  VICTIM.userId,
  VICTIM.path,
  VICTIM.property,
  VICTIM.value,
  VICTIM.cohort,
  VICTIM.saved,
  VICTIM.watch,
  VICTIM.channel,
];

/** Text that ends a string, an identifier, a parameter or a comment, and goes on as SQL. */
export const INJECTIONS: readonly string[] = [
  `' or 1 = 1 --`,
  `') or project_id != 0 --`,
  `x' union all select actor_id, 1, 1, 1, 1, 1 from sluice_g1.events --`,
  `'; drop table sluice_g1.events; --`,
  '`; drop table sluice_g1.events; --',
  'a`.:String) or project_id = 1 or (`a',
  'a\\` or 1=1 or \\`b',
  '{project:UInt32}',
  '{db:Identifier}.events',
  '{v0:String}) or 1 = 1 or ({v0:String}',
  '\\',
  "\\' or 1=1 --",
  '/* */ or 1=1 /*',
  '$1; select pg_sleep(5)',
  "file('/etc/passwd')",
  "url('http://127.0.0.1/', 'CSV', 'x String')",
  '%_%',
  'settings readonly = 0',
];

/** Keys that no request knows, and that would lead elsewhere if it did. */
export const STRANGE_KEYS: readonly string[] = [
  'project_id',
  'projectId',
  'database',
  'sql',
  'settings',
  '__proto__',
];
