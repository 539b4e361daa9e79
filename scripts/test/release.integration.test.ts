import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultsOfChangelog } from '../changelog.mjs';
import { publishedManifest, repositoryUrlFrom } from '../published-manifest.mjs';
import { versionAt, versionPlaces } from '../version-places.mjs';
import { ROOT } from './pack-packages.js';

const CHANGELOG = `# Changelog

## Unreleased

### Added

- A thing that users notice.
`;

describe('the version', () => {
  it('is the same wherever it stands, in the lock file too', () => {
    const versions = versionPlaces(ROOT).map((place): string => versionAt(ROOT, place));
    expect(new Set(versions).size).toBe(1);
    const { version, packages, workspaces } = {
      ...(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
        version: string;
        packages: Record<string, { version: string }>;
      }),
      ...(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { workspaces: string[] }),
    };
    const locked = ['', ...workspaces].map((folder) => packages[folder]!.version);
    expect(new Set([version, ...locked, ...versions]).size).toBe(1);
  });
});

describe('CHANGELOG.md', () => {
  it('has the format that releases are made of', () => {
    expect(faultsOfChangelog(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'))).toEqual([]);
  });

  it('may have no other order, heading or kind', () => {
    expect(faultsOfChangelog(CHANGELOG)).toEqual([]);
    expect(faultsOfChangelog('# Changelog\n\n## 1.0.0 (2026-01-01)\n')).toHaveLength(1);
    expect(faultsOfChangelog(`${CHANGELOG}\n## v1\n`)).toHaveLength(1);
    expect(faultsOfChangelog(`${CHANGELOG}\n### Improved\n`)).toHaveLength(1);
  });
});

describe('npm run release', () => {
  let dir: string;
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], {
      cwd: dir,
      encoding: 'utf8',
    }).trim();

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-release-'));
    const files = ['package-lock.json', 'scripts', ...versionPlaces(ROOT).map(({ file }) => file)];
    for (const file of files) cpSync(join(ROOT, file), join(dir, file), { recursive: true });
    writeFileSync(join(dir, 'CHANGELOG.md'), CHANGELOG);
    git('init', '--quiet');
    git('config', 'user.name', 'T');
    git('config', 'user.email', 't@example.com');
    git('add', '.');
    git('commit', '--quiet', '--message', 'feat: a thing');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function run(script: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [join(dir, 'scripts', script), ...args], {
      cwd: dir,
      encoding: 'utf8',
    });
  }

  it('writes the version everywhere, moves what is unreleased, commits and tags', () => {
    expect(run('release.mjs', '7.0.0')).toMatchObject({ status: 0 });
    for (const place of versionPlaces(dir)) expect(versionAt(dir, place), place.file).toBe('7.0.0');
    expect(readFileSync(join(dir, 'package-lock.json'), 'utf8')).not.toContain(
      '"version": "0.1.0",\n      "dependencies"',
    );
    expect(readFileSync(join(dir, 'CHANGELOG.md'), 'utf8')).toMatch(
      /^# Changelog\n\n## Unreleased\n\n## 7\.0\.0 \(\d{4}-\d{2}-\d{2}\)\n\n### Added\n\n- A thing that users notice\.\n$/,
    );
    expect(git('status', '--porcelain')).toBe('');
    expect(git('describe')).toBe('v7.0.0');
    const notes = run('release-notes.mjs', 'v7.0.0');
    expect(notes).toMatchObject({ status: 0, stdout: '### Added\n\n- A thing that users notice.\n' });
    expect(run('release-notes.mjs', 'v7.0.1').stderr).toContain('package.json says 7.0.0, the tag 7.0.1.');
    // Nothing is unreleased now.
    expect(run('release.mjs', 'patch')).toMatchObject({ status: 1 });
  });

  it('changes nothing when it is only asked what it would do', () => {
    const before = git('rev-parse', 'HEAD');
    const { status, stderr } = run('release.mjs', 'minor', '--dry-run');
    expect(status).toBe(0);
    expect(stderr).toContain('A thing that users notice.');
    expect([git('rev-parse', 'HEAD'), git('status', '--porcelain'), git('tag')]).toEqual([before, '', '']);
  });

  it.each(['0.0.1', 'latest', '1.2', ''])('refuses %j, which is no later version', (version) => {
    expect(run('release.mjs', version)).toMatchObject({ status: 1 });
    expect(git('tag')).toBe('');
  });

  it('refuses a tree with changes that are not committed', () => {
    writeFileSync(join(dir, 'left-over.txt'), '');
    expect(run('release.mjs', 'minor').stderr).toContain('not committed');
  });

  it('wants a line in the changelog for what users get, and none for what they do not', () => {
    const commit = (subject: string): void =>
      void git('commit', '--quiet', '--allow-empty', '--message', subject);
    const check = (): number | null => run('check-changelog.mjs', base, 'HEAD').status;
    const base = git('rev-parse', 'HEAD');
    commit('test: more of them');
    commit('fix(ci): a cache');
    expect(check()).toBe(0);
    commit('fix(gateway): a thing');
    expect(check()).toBe(1);
    writeFileSync(join(dir, 'CHANGELOG.md'), `${CHANGELOG}- Another thing.\n`);
    git('commit', '--quiet', '--all', '--message', 'docs: the changelog');
    expect(check()).toBe(0);
  });
});

describe('a published manifest', () => {
  const manifest = {
    name: 'p',
    private: true,
    scripts: { build: 'b' },
    devDependencies: { d: '1' },
    exports: {
      '.': { types: './src/index.ts', 'sluice-source': './src/index.ts', default: './dist/index.js' },
      './script': './dist/script.js',
    },
  };

  it('has no sources, scripts and development, and the repository only where that is known', () => {
    const published = publishedManifest(manifest, { engines: { node: '>=1' }, folder: 'p' });
    expect(published).toEqual({
      name: 'p',
      engines: { node: '>=1' },
      exports: { '.': { default: './dist/index.js' }, './script': './dist/script.js' },
    });
    const repositoryUrl = repositoryUrlFrom({
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_REPOSITORY: 'owner/name',
    });
    expect(publishedManifest(manifest, { engines: {}, folder: 'p', repositoryUrl })).toMatchObject({
      repository: { type: 'git', url: 'git+https://github.com/owner/name.git', directory: 'p' },
    });
    expect(repositoryUrlFrom({})).toBeUndefined();
  });
});
