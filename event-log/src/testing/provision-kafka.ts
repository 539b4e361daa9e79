/**
 * Brings Apache Kafka onto this machine: its jars from Maven Central, by `mvn`, once for each version, into a cache
 * directory. Nothing is installed; a broker is `java` with these jars.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const KAFKA_VERSION = '4.4.0';
const SCALA_VERSION = '2.13';
const SLF4J_VERSION = '1.7.36';
const DEPENDENCY_PLUGIN_VERSION = '3.8.1';

const FIRST_JAVA_VERSION = 17;
const PROVISION_DEADLINE_MS = 10 * 60_000;
const LOCK_POLL_MS = 250;

export interface ProvisionKafkaOptions {
  /** Where versions are kept. Default: `.cache/kafka` at the root of the repository. */
  cacheDir?: string;
}

export interface KafkaInstallation {
  version: string;
  /** The directory of the jars. */
  libDir: string;
}

/** Says what a machine lacks to run Kafka's tests. */
export class KafkaMissingError extends Error {
  override name = 'KafkaMissingError';
}

/**
 * Resolves once the jars are there; several processes may ask at once, one of them downloads.
 * @throws KafkaMissingError when Java or Maven is missing, or the download fails.
 */
export async function provisionKafka(options: ProvisionKafkaOptions = {}): Promise<KafkaInstallation> {
  const cacheDir = options.cacheDir ?? join(repositoryRoot(), '.cache', 'kafka');
  const target = join(cacheDir, KAFKA_VERSION);
  const installation = { version: KAFKA_VERSION, libDir: join(target, 'lib') };
  await requireJava();
  if (existsSync(target)) return installation;
  await mkdir(cacheDir, { recursive: true });
  const release = await waitForLock(`${target}.lock`, () => existsSync(target));
  if (release === undefined) return installation;
  try {
    if (!existsSync(target)) await download(target);
  } finally {
    await release();
  }
  return installation;
}

async function download(target: string): Promise<void> {
  // Built beside its place and renamed, so that a directory of that name is always complete.
  const building = `${target}.building`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true });
  const pom = join(building, 'pom.xml');
  await writeFile(pom, POM);
  try {
    await run('mvn', [
      '--batch-mode',
      '--quiet',
      '--file',
      pom,
      `org.apache.maven.plugins:maven-dependency-plugin:${DEPENDENCY_PLUGIN_VERSION}:copy-dependencies`,
      `-DoutputDirectory=${join(building, 'lib')}`,
    ]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new KafkaMissingError(
        'Apache Kafka is fetched with Maven, and there is no `mvn` command here: install Maven, or set up a broker of your own.',
        { cause: error },
      );
    }
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const said = `${stdout}\n${stderr}`.trim().split('\n').slice(0, 5).join('\n');
    throw new KafkaMissingError(`Maven could not fetch Apache Kafka ${KAFKA_VERSION}:\n${said}`, {
      cause: error,
    });
  }
  await rename(building, target);
}

async function requireJava(): Promise<void> {
  let said: string;
  try {
    said = (await run('java', ['-version'])).stderr;
  } catch (error) {
    throw new KafkaMissingError(
      `Apache Kafka needs Java ${FIRST_JAVA_VERSION} or later, and there is no \`java\` command here that runs.`,
      { cause: error },
    );
  }
  const version = Number(/version "(\d+)/.exec(said)?.[1]);
  if (version < FIRST_JAVA_VERSION) {
    throw new KafkaMissingError(
      `Apache Kafka needs Java ${FIRST_JAVA_VERSION} or later; here is Java ${version}.`,
    );
  }
}

/** Takes a lock file, or resolves with undefined when somebody else has done the work meanwhile. */
async function waitForLock(path: string, isDone: () => boolean): Promise<(() => Promise<void>) | undefined> {
  const deadline = Date.now() + PROVISION_DEADLINE_MS;
  while (!isDone()) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isAbandoned(path)) await rm(path, { force: true });
    if (Date.now() > deadline) throw new Error(`waited too long for another process to let go of ${path}`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  return undefined;
}

function isAbandoned(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // Empty: its owner is just writing it.
    if (pid === 0) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function repositoryRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package-lock.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('no repository around this file: pass cacheDir');
    directory = parent;
  }
  return directory;
}

const run = promisify(execFile);

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluice.local</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_${SCALA_VERSION}</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>${SLF4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;
