// The comparison with other libraries: installs what bench/peers needs, bundles it, and runs it.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const peers = `${root}bench/peers`;
if (!existsSync(`${peers}/node_modules/.package-lock.json`)) {
  console.error('The peers are installed into bench/peers/node_modules, once.');
  execFileSync('npm', ['ci', '--prefix', peers, '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] });
}
// Several may run at once. The folder lies where the peers' packages are found from, and stays while they run.
const folder = `${peers}/node_modules/.cache/regrad-${process.pid}`;
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
await build({
  absWorkingDir: root,
  entryPoints: ['bench/peers/main.ts', 'bench/peers/child.ts'],
  outdir: folder,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: ['webgpu', '@sparticuz/chromium', 'commander', 'linkedom', '@observablehq/plot'],
  // TensorFlow.js as a browser's bundler would take it; some of what it brings asks for Node's modules by `require`.
  mainFields: ['module', 'main'],
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  sourcemap: 'inline',
  logLevel: 'warning',
});
process.setSourceMapsEnabled(true);
try {
  await import(pathToFileURL(`${folder}/main.mjs`).href);
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
