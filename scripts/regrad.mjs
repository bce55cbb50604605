// The command line from a checkout, with no build step before it: bundles src/cli/main.ts (tens of milliseconds)
// and runs it. An installed regrad has dist/cli.js instead, made by build.mjs.
import { mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}node_modules/.cache/regrad`;
const bundle = `${folder}/cli.mjs`;
// Several commands may run at once: each writes a file of its own and renames it.
const temporary = `${folder}/cli-${process.pid}.mjs`;

mkdirSync(folder, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outfile: temporary,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: 'inline',
});
renameSync(temporary, bundle);

// npm runs scripts in the package's folder; paths on the command line are meant from where the person is.
const { INIT_CWD, npm_lifecycle_event: script } = process.env;
if (INIT_CWD && (script === 'regrad' || script === 'start')) process.chdir(INIT_CWD);

process.setSourceMapsEnabled(true);
// What the command line starts as child processes is the same bundle, not this script again.
process.argv[1] = bundle;
await import(pathToFileURL(bundle).href);
