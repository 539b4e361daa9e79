import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** How to run a Postgres program: itself, or through another one that takes root's rights away. */
export interface RunAs {
  command(program: string, args: readonly string[]): { file: string; args: string[] };
  uid?: number;
  gid?: number;
}

const AS_IS: RunAs = { command: (program, args) => ({ file: program, args: [...args] }) };

/**
 * Postgres refuses to run as root. An ordinary user runs it as it is. Root runs it in a user namespace of its own, where
 * root's files are a nobody's: that needs no account and works below folders only root may enter. Where namespaces are
 * not to be had (in many containers) it runs as an unprivileged account, which must be able to reach the files.
 * @throws Error, with a text for people, when neither works.
 */
export function chooseUser(clusterDir: string, binaryDir: string): RunAs {
  if (process.getuid?.() !== 0) return AS_IS;
  const owner = ownerOf(clusterDir);
  if ((owner === undefined || owner === 0) && namespacesWork()) return IN_NAMESPACE;
  const account =
    owner !== undefined && owner !== 0 ? accountOf((a) => a.uid === owner) : unprivilegedAccount();
  if (account === undefined) {
    throw new Error(
      'Postgres does not run as root, and there is no account named postgres or nobody to run it as. Run Sluice as an ' +
        'ordinary user, or name a server with POSTGRES_URL=postgres://…',
    );
  }
  for (const path of [dirname(clusterDir), binaryDir]) {
    const closed = firstClosedFolder(path, account);
    if (closed !== undefined) {
      throw new Error(
        `Postgres does not run as root; as ${account.name} it cannot enter ${closed}. Run Sluice as an ordinary user, put ` +
          'it where others may read, or name a server with POSTGRES_URL=postgres://…',
      );
    }
  }
  return { ...AS_IS, uid: account.uid, gid: account.gid };
}

const NAMESPACE_ARGS = ['--user', '--map-user=65534', '--map-group=65534'];

const IN_NAMESPACE: RunAs = {
  command: (program, args) => ({ file: 'unshare', args: [...NAMESPACE_ARGS, program, ...args] }),
};

function namespacesWork(): boolean {
  return spawnSync('unshare', [...NAMESPACE_ARGS, 'true'], { stdio: 'ignore' }).status === 0;
}

interface Account {
  name: string;
  uid: number;
  gid: number;
}

function unprivilegedAccount(): Account | undefined {
  return accountOf((a) => a.name === 'postgres') ?? accountOf((a) => a.name === 'nobody');
}

function accountOf(matches: (account: Account) => boolean): Account | undefined {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name: name ?? '', uid: Number(uid), gid: Number(gid) }))
    .find((account) => account.uid > 0 && matches(account));
}

function ownerOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.uid;
}

function firstClosedFolder(path: string, account: Account): string | undefined {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined) {
      const bit = stat.uid === account.uid ? 0o100 : stat.gid === account.gid ? 0o010 : 0o001;
      if ((stat.mode & bit) === 0) return folder;
    }
    if (folder === dirname(folder)) return undefined;
  }
}
