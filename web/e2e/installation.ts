import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A whole installation of real parts, played by `signet dev`. */
export class Installation {
  readonly dir = mkdtempSync(join(tmpdir(), 'signet-e2e-'));
  private dev: ChildProcess | undefined;
  url = '';

  private readonly program = process.env['SIGNET_BIN'] ?? join(import.meta.dirname, '../../bin/signet');

  /** Starts it, also once more after stop, and returns when all parts serve. */
  async start(...flags: string[]): Promise<void> {
    const data = join(this.dir, 'data');
    const dev = spawn(this.program, ['dev', '--data', data, '--free-ports', '--no-sample', '--agents', '2', ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.dev = dev;
    const log: string[] = [];
    createInterface({ input: dev.stderr }).on('line', (l) => log.push(l));
    this.url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: dev.stdout }).on('line', (l) => {
        log.push(l);
        const ready = /is ready: (https:\S+)/.exec(l);
        if (ready?.[1]) resolve(ready[1]);
      });
      dev.once('exit', (code) => reject(new Error(`signet dev ended with ${code}:\n${log.join('\n')}`)));
    });
  }

  get password(): string {
    return readFileSync(join(this.dir, 'data/admin-password'), 'utf8').trim();
  }

  /** Runs a verb of the command line and returns what it prints. */
  async signet(...args: string[]): Promise<string> {
    const env = { ...process.env, SIGNET_PROFILE: join(this.dir, 'data/profile.json') };
    return (await run(this.program, args, { env, maxBuffer: 1 << 28 })).stdout;
  }

  /** Deploys a workflow document. */
  async deploy(name: string, document: object): Promise<void> {
    const dir = mkdtempSync(join(this.dir, 'deploy-'));
    const parts = name.split('/');
    const at = join(dir, ...parts.slice(0, -1));
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, `${parts.at(-1)}.workflow.json`), JSON.stringify(document));
    await this.signet('deploy', dir);
  }

  async stop(): Promise<void> {
    const dev = this.dev;
    if (!dev || dev.exitCode !== null) return;
    const ended = new Promise((resolve) => dev.once('exit', resolve));
    dev.kill('SIGTERM');
    await ended;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A workflow of one shell job on agent-1. */
export function job(script: string, more: object = {}): object {
  return {
    instructions: [{ TYPE: 'Execute.Named', jobName: 'work', label: 'work' }],
    jobs: { work: { agentPath: 'agent-1', executable: { TYPE: 'ShellScriptExecutable', script } } },
    ...more,
  };
}
