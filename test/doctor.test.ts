/** `regrad doctor` as people call it, its verdict on devices that are broken, and what every verb does with errors. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { addChecks, exitCodes, formatReport, judge, type Report } from '../src/cli/doctor.ts';
import { type NumberArray, ReferenceDevice } from '../src/engine/index.ts';

/** Dawn complains on stderr of such a file, before the lines that are ours. */
const noDriver = { VK_DRIVER_FILES: '/nowhere/driver.json' };

/** Runs the command line from the checkout with nothing in its environment but `env`. */
function regrad(args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/regrad.mjs', ...args], {
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('regrad doctor', () => {
  test.runIf(process.platform === 'linux' && process.arch === 'x64')('checks the packaged adapter', () => {
    const { status, stdout, stderr } = regrad(['doctor', '--json'], noDriver);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(
      /^adapter: swiftshader\S+ \(software, SwiftShader.*\)\. The system offers neither.*$/m,
    );
    const report: Report = JSON.parse(stdout);
    expect(report).toMatchObject({
      node: process.version,
      webgpu: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      adapter: { kind: 'software', source: 'packaged' },
      features: { 'timestamp-query': true, 'shader-f16': false },
      matmul: { size: 512, timedSize: 512 },
      status: 'ok',
    });
    expect(report.limits?.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
    // Float32 on an adapter never gives the reference's float64 to the last digit.
    for (const error of [report.matmul?.error, report.doubleBackprop?.error]) {
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan(1e-4);
    }
    expect(report.matmul?.gflops).toBeGreaterThan(0);
    expect(report.memory?.devicePeak).toBeGreaterThan(3 * 4 * 512 ** 2);
  });

  test('exits 3 where only the reference executor computes, and prints for people', () => {
    const { status, stdout, stderr } = regrad(['doctor', '--adapter', 'reference']);
    expect(status).toBe(3);
    expect(stderr).toBe(
      'adapter: the reference executor (float64, no GPU). The reference executor was asked for.\n',
    );
    expect(stdout).toMatch(/^adapter +reference \(reference\)$/m);
    expect(stdout).toMatch(/^matmul +error 0\.0e\+0 at size 512; [\d.]+ GFLOP\/s at size 512$/m);
    expect(stdout).toMatch(/^verdict +reference only\. Right, but slow/m);
  });

  test('exits 1 with the cure where there is no such adapter; the report says so too', () => {
    const { status, stdout, stderr } = regrad(['doctor', '--json', '--adapter', 'hardware'], noDriver);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^error: The adapter 'hardware' was asked for, but: No GPU was found\. Install .*\n$/m,
    );
    const report: Report = JSON.parse(stdout);
    expect(report.status).toBe('failed');
    expect(stderr.endsWith(`error: ${report.verdict}\n`)).toBe(true);
  });

  test('tells its exit codes', () => {
    const { status, stdout } = regrad(['doctor', '--help']);
    expect(status).toBe(0);
    for (const [code, meaning] of [
      [exitCodes.ok, 'computes right'],
      [exitCodes.failed, 'something failed'],
      [exitCodes['reference only'], 'only the reference executor'],
      [exitCodes['wrong numbers'], 'wrong numbers'],
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${code} {2}.*${meaning}`, 'm'));
    }
    expect(new Set(Object.values(exitCodes)).size).toBe(4);
  });
});

describe('the verdict', () => {
  const blank: Report = { regrad: '', node: '', platform: '', webgpu: null, status: 'failed', verdict: '' };

  /** Stands in for a GPU: the reference executor, whose numbers `spoil` alters on the way out. */
  function deviceWith(spoil: (values: NumberArray) => NumberArray): ReferenceDevice {
    const device = new ReferenceDevice();
    return Object.assign(device, {
      run: (...args: Parameters<ReferenceDevice['run']>) => {
        const { kept, reads } = ReferenceDevice.prototype.run.apply(device, args);
        return { kept, reads: reads.then((all) => all.map((values) => spoil(values))) };
      },
    });
  }

  test.each<[string, (value: number) => number, RegExp]>([
    [
      'numbers off by a thousandth',
      (value) => value * 1.001,
      /matmul by 1\.0e-3, double back-propagation by 1\.0e-3/,
    ],
    ['NaN', () => Number.NaN, /matmul by Infinity, double back-propagation by Infinity/],
    ['silent zeros', () => 0, /matmul by 1\.0e\+0, double back-propagation by 1\.0e\+0/],
  ])('%s are wrong, with what to do', async (_, alter, found) => {
    const report: Report = { ...blank };
    await addChecks(
      report,
      deviceWith((values) => values.map(alter) as NumberArray),
    );
    judge(report);
    expect(report.status).toBe('wrong numbers');
    expect(report.verdict).toMatch(found);
    expect(report.verdict).toMatch(
      /allowed: 0\.0001.*Update its driver, or choose another: --adapter software/,
    );
    expect(formatReport(report)).toContain(`verdict          wrong numbers. ${report.verdict}`);
  });

  test('a device that breaks down is named, with what to do', async () => {
    const device = deviceWith(() => {
      throw new Error('The GPU device is lost.');
    });
    await expect(addChecks({ ...blank }, device, 32)).rejects.toThrow(
      /^reference executor .* broke down during the checks: The GPU device is lost\. Update its driver/,
    );
  });

  test('right numbers are right', async () => {
    const report: Report = { ...blank };
    await addChecks(
      report,
      deviceWith((values) => values),
    );
    judge(report);
    expect(report).toMatchObject({ status: 'ok', matmul: { error: 0 }, doubleBackprop: { error: 0 } });
  });
});

describe('every verb', () => {
  test.each([
    [['doctr'], /^error: unknown command 'doctr'\n\(Did you mean doctor\?\)/],
    [['doctor', '--jsn'], /^error: unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [
      ['doctor', '--adapter', 'gpu'],
      /'gpu' is invalid\. Allowed choices are auto, hardware, software, reference/,
    ],
    [['doctor', 'extra'], /^error: too many arguments for 'doctor'/],
    [[], /^Usage: regrad/],
  ])('%j is wrong usage: exit code 2', (args, message) => {
    const { status, stdout, stderr } = regrad(args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
  });

  test('an error is one line, and its stack is shown only with REGRAD_DEBUG=1', () => {
    const env = { REGRAD_ADAPTER: 'cuda' };
    const plain = regrad(['doctor'], env);
    const sentence = "REGRAD_ADAPTER is 'cuda', but it must be one of auto, hardware, software, reference.";
    expect(plain).toMatchObject({ status: 1, stderr: `error: ${sentence}\n` });
    const debug = regrad(['doctor'], { ...env, REGRAD_DEBUG: '1' });
    expect(debug.status).toBe(1);
    expect(debug.stderr).toContain(`Error: ${sentence}\n    at `);
    expect(debug.stderr).toMatch(/src\/engine\/node\.ts:\d+/);
  });
});
