/**
 * The package as others get it: packed, put beside its dependencies in a project of its own, compiled against with
 * every declaration checked (`skipLibCheck: false`), and run. The compiler is the installed one; without its `dom` the
 * program knows no WebGPU types, as it does not under earlier compilers with it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const project = mkdtempSync(join(tmpdir(), 'regrad-package-'));
afterAll(() => rmSync(project, { recursive: true }));

const program = `
import { add, type Device, GpuDevice, Linear, sgd, setDevice, sum, Tensor, tensor } from 'regrad';
import { describeAdapter, requestNodeDevice } from 'regrad/node';
const { device, adapter }: { device: Device; adapter: Parameters<typeof describeAdapter>[0] } =
  await requestNodeDevice('reference');
setDevice(device);
const x: Tensor = tensor([1, 2]);
const total: number = await sum(add(x, 1)).item();
export const handles: readonly unknown[] = [Linear, sgd, device instanceof GpuDevice && device.gpu];
export const said: string = \`\${total} \${device.kind} \${describeAdapter(adapter)}\`;
`;

beforeAll(() => {
  const packed = execFileSync('npm', ['pack', '--pack-destination', project, '--silent'], {
    encoding: 'utf8',
  });
  const home = join(project, 'node_modules', 'regrad');
  mkdirSync(home, { recursive: true });
  execFileSync('tar', [
    'xzf',
    join(project, packed.trim().split('\n').at(-1) ?? ''),
    '-C',
    home,
    '--strip-components=1',
  ]);
  for (const name of readdirSync('node_modules')) {
    if (name.startsWith('.') || name === '@types' || name === '@webgpu') continue;
    symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name));
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'program.ts'), program);
});

/** The project's program, type-checked with every declaration; its errors as text. */
function compile(lib: readonly string[], source = 'program.ts') {
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    lib: lib.map((name) => `lib.${name}.d.ts`),
    types: [],
    noEmit: true,
  };
  const compiled = ts.createProgram([join(project, source)], options);
  const errors = ts.getPreEmitDiagnostics(compiled).map(({ file, messageText }) => {
    return `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
  const files = compiled.getSourceFiles().map(({ fileName }) => fileName);
  return { errors, declarations: files.filter((file) => file.includes('/regrad/')) };
}

describe('the packed package', () => {
  test.each(['es2022', 'es2023 dom', 'esnext dom dom.iterable'])('compiles strictly with lib %s', (lib) => {
    expect(compile(lib.split(' ')).errors).toEqual([]);
  });

  test('declares what it exports, and not how the engine works', () => {
    const { declarations } = compile(['es2023', 'dom']);
    expect(declarations.filter((file) => /\/(plan\/|tape|evaluate|own-kernels)/.test(file))).toEqual([]);
    writeFileSync(
      join(project, 'curious.ts'),
      `import { type Device, GpuDevice, tensor } from 'regrad';
      export const found = [tensor(1).node, GpuDevice.prototype.run, (device: Device) => device.settle];`,
    );
    expect(compile(['es2023', 'dom'], 'curious.ts').errors).toEqual([
      expect.stringContaining("Property 'node' does not exist on type 'Tensor'"),
      expect.stringContaining("Property 'run' does not exist on type 'GpuDevice'"),
      expect.stringContaining("Property 'settle' does not exist on type 'Device'"),
    ]);
  });

  test('runs', () => {
    const script = ts.transpileModule(program, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    writeFileSync(join(project, 'program.mjs'), script.outputText);
    const run = (file: string, ...args: string[]) =>
      execFileSync(process.execPath, [file, ...args], { cwd: project, encoding: 'utf8' });
    expect(run('-p', "import('./program.mjs').then(({ said }) => console.log(said)), ''")).toMatch(
      /5 reference adapter: the reference executor/,
    );
    expect(run('node_modules/regrad/dist/cli.js', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
