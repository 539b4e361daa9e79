// `node scripts/check-changelog.mjs FROM TO`: fails when commits between the two say that users get something (`feat:`, `fix:`,
// `perf:`, or a breaking `!`), and CHANGELOG.md has no new line about it.
import { execFileSync } from 'node:child_process';
import { fail, root, tell } from './set-up.mjs';

/** Scopes that users never meet. */
const INTERNAL_SCOPES = ['ci', 'test', 'load-test', 'scripts'];

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) fail('node scripts/check-changelog.mjs FROM TO');
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

const subjects = git('log', '--no-merges', '--format=%s', `${from}..${to}`).split('\n');
const visible = subjects.filter((subject) => {
  const [, kind, scope, isBreaking] = /^(\w+)(?:\(([^)]*)\))?(!)?:/.exec(subject) ?? [];
  return (['feat', 'fix', 'perf'].includes(kind) || isBreaking) && !INTERNAL_SCOPES.includes(scope);
});
const added = git('diff', '--numstat', `${from}...${to}`, '--', 'CHANGELOG.md').split('\t')[0];
if (visible.length > 0 && !(Number(added) > 0)) {
  fail(`CHANGELOG.md says nothing of:\n${visible.map((subject) => `  ${subject}`).join('\n')}`);
}
tell(`${visible.length} commits for users, ${Number(added) || 0} new lines in CHANGELOG.md.`);
