/**
 * README.md, held to its word: every command in it is run and its output compared with what is shown, up to times and
 * rates, or stands in the table below with what is run in its place. A command that is in no list fails.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addBench } from '../src/cli/bench.ts';
import { addData } from '../src/cli/data.ts';
import { addDemo } from '../src/cli/demo.ts';
import { addDoctor } from '../src/cli/doctor.ts';
import { addExport } from '../src/cli/export.ts';
import { addParity } from '../src/cli/parity.ts';
import { addReport } from '../src/cli/report.ts';
import { addReproduce } from '../src/cli/reproduce.ts';
import { addRuns } from '../src/cli/runs.ts';
import { addSweep } from '../src/cli/sweep.ts';
import { addTrain } from '../src/cli/train.ts';

const readme = readFileSync('README.md', 'utf8');
/** Fenced blocks with what comes before each: "```ts" and the lines to the next fence, without their indent. */
const blocks = [...readme.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
  ({ 1: indent, 2: language, 3: text, index }) => ({
    language,
    text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    before: readme.slice(0, index).trimEnd().split('\n\n').at(-1) ?? '',
  }),
);
const blockAfter = (words: string) =>
  blocks.find(({ before }) => before.includes(words))?.text ?? `no block: ${words}`;

/** All commands: the lines of shell blocks, continued and without their comments, and code in the text that begins as one. */
const shown = [
  ...blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) =>
      text
        .replaceAll(/\\\n\s*/g, '')
        .trim()
        .split('\n'),
    )
    .flatMap((line) => line.replace(/\s+#.*$/, '').split(' && ')),
  ...[...readme.matchAll(/`((?:npm|npx|node) [^`\n]*)`/g)].map(([, command]) => command),
];
const commands = [...new Set(shown)];

interface Run {
  /** The command as it is run; by default as the README has it. */
  readonly as?: string;
  /** What its output must hold. */
  readonly prints?: readonly (string | RegExp)[];
  readonly status?: number;
}

const slow = '--adapter reference';
const regrad = 'npm run -s regrad --';

/** Run in this order, in one folder. What is cut short, or names what only a reader has, says `as`. */
const run: Readonly<Record<string, Run>> = {
  'npm start': { as: `npm start -- --plan ${slow}`, prints: ['18 of 18 runs to make', '| UJ '] },
  [`${regrad} demo --seeds 1 --steps 8`]: {
    as: `${regrad} demo --seeds 1 --steps 8 --plan ${slow}`,
    prints: ['6 of 6 runs to make'],
  },
  [`${regrad} reproduce all --scale quick --plan`]: {
    as: `${regrad} reproduce all --scale quick --plan ${slow}`,
    prints: ['42 of 42 runs to make', '| ExterGraft '],
  },
  [`${regrad} reproduce all --scale quick`]: {
    as: `${regrad} reproduce graft --seeds 1 --methods NGD --steps 1 ${slow}`,
    prints: [/^\| NGD +\|/m, 'Saved in runs/quick-1-steps/report: report.md'],
  },
  [`${regrad} train --method gn --data optdigits --model 'resnet[4,8]' --train-images 320 --batch 64 --micro-batch 8 --lr 0.2 --lambda 0.1 --steps 10 --seed 0`]:
    { prints: ['test accuracy'] },
  [`${regrad} train --preset optdigits-resnet-gn --set seed=3`]: {
    as: `${regrad} train --preset optdigits-resnet-gn --set seed=3 --steps 1 ${slow}`,
    prints: ['test accuracy'],
  },
  [`${regrad} runs`]: { prints: [/^.*gn-[0-9a-f]{12} .*$/m] },
  [`${regrad} export runs/gn-0123456789ab --csv --tensorboard`]: {
    as: `${regrad} export $(ls -d runs/gn-* | head -1) --csv --tensorboard`,
    prints: ['export'],
  },
  [`${regrad} data list`]: { prints: ['optdigits', 'tiny-imagenet'] },
  [`${regrad} data check cifar10`]: { status: 1, prints: ['regrad data fetch cifar10'] },
  [`${regrad} bench matmul --runs 5 --out before.jsonl`]: {
    as: `${regrad} bench 'matmul 128x512x10' --seconds 0.001 --runs 2 --out before.jsonl`,
    prints: ['Multiply-add peak: ', 'matmul.direct'],
  },
  [`${regrad} bench matmul --compare before.jsonl`]: {
    as: `${regrad} bench 'matmul 128x512x10' --seconds 0.001 --compare before.jsonl`,
    prints: ['Against before.jsonl', '95 % interval', /matmul\.direct .* to .*(no difference|faster|slower)/],
  },
  [`${regrad} bench examples/my-kernel.ts --svg roofline.svg`]: {
    as: `${regrad} bench examples/my-kernel.ts --svg roofline.svg --seconds 0.001 && ls roofline.svg`,
    prints: ['four in a row', 'matmul.direct', 'roofline.svg'],
  },
  'npx esbuild src/index.ts --bundle --minify --format=esm --outfile=dist/regrad.js': {
    prints: ['dist/regrad.js'],
  },
};

/** Those that other tests run, or that need what a test has not. */
const elsewhere: Readonly<Record<string, string>> = {
  'npm ci': '.ci/run begins with it',
  'npm test': 'this is it',
  'npm run check': '.ci/run',
  'npm run -s regrad -- VERB': 'a form; the verbs are compared with the help below',
  [`${regrad} doctor`]: 'doctor.test.ts',
  [`${regrad} parity test/parity`]: 'cli-parity.test.ts and parity.test.ts',
  [`${regrad} data fetch cifar10`]:
    'needs the network; data-download.test.ts and data-cli.test.ts have a server',
  [`${regrad} bench`]: 'takes minutes; bench-cli.test.ts',
  [`${regrad} bench conv2d --svg roofline.svg`]: 'as with my-kernel.ts above; bench-cli.test.ts',
  'npm run -s example -- examples/first.ts': 'below, with its output',
  'npm run -s example -- bench/mathematics.ts': 'takes minutes',
  'npm run bench:peers': 'needs the network',
  'npm run bench:bundle': 'bench-cli.test.ts',
  'node regrad-bench.mjs --out results.jsonl --svg roofline.svg': 'bench-cli.test.ts',
  'npm run -s bundle:size': 'below, with its output',
};

/** As a checkout: links to everything, but examples and results of its own. */
const checkout = mkdtempSync(join(tmpdir(), 'regrad-readme-'));
afterAll(() => rmSync(checkout, { recursive: true }));
beforeAll(() => {
  for (const name of readdirSync('.')) {
    if (['runs', 'dist', 'examples', '.git'].includes(name)) continue;
    symlinkSync(resolve(name), join(checkout, name));
  }
  cpSync('examples', join(checkout, 'examples'), { recursive: true });
  mkdirSync(join(checkout, 'dist'));
});

function sh(command: string) {
  const env = {
    ...process.env,
    REGRAD_TUNE: 'off',
    XDG_DATA_HOME: join(checkout, 'share'),
    INIT_CWD: checkout,
  };
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
    cwd: checkout,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, text: stdout + stderr };
}

/** Equal but for numbers, which may differ by a share of their size: adapters round differently. */
function expectAlike(text: string, expected: string, share: number): void {
  const number = /-?\d+(\.\d+)?(e[-+]?\d+)?/g;
  const form = (of: string) => of.replaceAll(number, '#').replaceAll(/ +/g, ' ').trim();
  expect(form(text)).toBe(form(expected));
  const [found, wanted] = [text, expected].map((of) => (of.match(number) ?? []).map(Number));
  found.forEach((value, at) => {
    expect(Math.abs(value - wanted[at]), `${value} for ${wanted[at]}`).toBeLessThanOrEqual(
      share * Math.abs(wanted[at]),
    );
  });
}

const hasGpu = process.env.REGRAD_ADAPTER !== 'reference';
const runnable = Object.entries(run).filter(([command]) => hasGpu || !command.includes(' bench '));

describe('README.md', () => {
  test('has no command that is in no list, and the lists no other', () => {
    expect(commands.filter((command) => !(command in run) && !(command in elsewhere))).toEqual([]);
    expect(
      [...Object.keys(run), ...Object.keys(elsewhere)].filter((command) => !commands.includes(command)),
    ).toEqual([]);
  });

  test.each(runnable)('%s', (command, { as = command, prints = [], status = 0 }) => {
    const done = sh(as);
    expect(done.status, done.text).toBe(status);
    for (const part of prints) expect(done.text).toMatch(part);
  });

  test('shows a first example that compiles and prints what stands there', () => {
    const file = join(checkout, 'examples', 'first.ts');
    writeFileSync(file, blockAfter('Save this as `examples/first.ts`'));
    const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
    const typeRoots = ['node_modules/@types', 'node_modules'].map((folder) => resolve(folder));
    const program = ts.createProgram([file], { ...options, typeRoots });
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
    expect(problems).toEqual([]);
    const { status, stdout, text } = sh('npm run -s example -- examples/first.ts');
    expect(status, text).toBe(0);
    // On the reference executor arrays are Float64Array.
    expectAlike(stdout.replaceAll('Float64Array', 'Float32Array'), blockAfter('console.log'), 1e-5);
  });

  test.each([
    ['derivatives.ts', 1e-4],
    ['train-mlp.ts', 0.1],
    ['explain-plan.ts', 0],
  ])('shows what examples/%s prints', (name, share) => {
    const expected = blockAfter(`- \`examples/${name}\``);
    const { status, stdout, text } = sh(`npm run -s example -- examples/${name}`);
    expect(status, text).toBe(0);
    if (name === 'explain-plan.ts') {
      // Other adapters, other kernels.
      if (text.includes('(software')) expect(stdout).toContain(expected.trimEnd());
    } else {
      // Errors are of the adapter's rounding.
      const withoutErrors = (of: string) => of.replaceAll(/largest error .*/g, '');
      expectAlike(withoutErrors(stdout), withoutErrors(expected), share);
    }
  });

  test('shows a sweep that can be planned', () => {
    const yaml = blocks.find(({ language }) => language === 'yaml')?.text ?? '';
    const [, file, command] = /^# (\S+): (regrad .*)\n/.exec(yaml) ?? [];
    writeFileSync(join(checkout, file), yaml);
    const { status, text } = sh(`${command.replace('regrad', regrad)} --plan ${slow}`);
    expect(status, text).toBe(0);
    expect(text).toContain('8 of 8 runs to make');
  });

  test('tells the size of the core', () => {
    const [bytes, zipped] =
      execFileSync('node', ['scripts/bundle-size.mjs'], { encoding: 'utf8' }).match(/\d+/g) ?? [];
    const [, kilobytes, afterGzip] = /size of the first: (\d+) kB, (\d+) kB after gzip/.exec(readme) ?? [];
    expect(Math.abs(Number(bytes) / 1000 - Number(kilobytes)), `${bytes} bytes`).toBeLessThan(3);
    expect(Math.abs(Number(zipped) / 1000 - Number(afterGzip)), `${zipped} bytes`).toBeLessThan(2);
  });

  test('names the verbs and the options that there are', () => {
    const program = new Command('regrad');
    const verbs = [
      addBench,
      addData,
      addDemo,
      addDoctor,
      addExport,
      addParity,
      addReport,
      addReproduce,
      addRuns,
      addSweep,
      addTrain,
    ];
    for (const add of verbs) add(program);
    const table: readonly string[] = [...readme.matchAll(/^\| `([a-z]+)(?: [^`]*)?` +\| [A-Z`]/gm)].map(
      ([, verb]) => verb,
    );
    expect(table).toEqual(expect.arrayContaining(program.commands.map((verb) => verb.name())));
    const options = program.commands
      .flatMap((verb) => [verb, ...verb.commands])
      .flatMap((verb) => verb.options.map(({ long }) => long));
    const foreign = ['--bundle', '--minify', '--format', '--outfile', '--help', '--wgsl'];
    const used = readme.match(/(?<![-\w|])--[a-z][-a-z]*/g) ?? [];
    expect(used.filter((option) => !options.includes(option) && !foreign.includes(option))).toEqual([]);
  });

  test('links to files that are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map(([, path]) => path);
    const files = [...readme.matchAll(/`((?:src|examples|bench|test|docs|data|scripts)\/[^`\s*]*)`/g)].map(
      ([, path]) => path,
    );
    const mine = ['examples/first.ts'];
    const missing = [...links, ...files].filter(
      (path) => !/^https?:/.test(path) && !mine.includes(path) && !existsSync(path),
    );
    expect(missing).toEqual([]);
  });
});
