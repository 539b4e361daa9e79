// `npm test`: everything this machine can check, from a fresh clone: types, lint, format, unit and integration tests on
// the real engines. Arguments go to vitest and leave the static checks out: `npm test -- pipeline`.
import { run, runSideBySide, setUp, tell } from './set-up.mjs';

setUp();
const filter = process.argv.slice(2);
if (filter.length === 0) {
  tell('Types, lint and format …');
  // Each is one thread: side by side they take the time of the longer list.
  await runSideBySide(
    [['npx', '--no-install', 'eslint', '.', '--max-warnings', '0']],
    [
      ['npm', 'run', '--silent', 'typecheck'],
      ['npx', '--no-install', 'prettier', '--check', '--log-level', 'warn', '.'],
    ],
  );
}
tell('Unit and integration tests …');
run('npx', ['--no-install', 'vitest', 'run', ...filter]);
