// Runs one TypeScript file of this checkout, an example or a bench: `node scripts/run.mjs FILE [ARGUMENTS]`.
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const [file, ...given] = process.argv.slice(2);
if (!file) {
  console.error('error: Name the file to run: npm run -s example -- examples/derivatives.ts');
  process.exit(2);
}
const folder = fileURLToPath(new URL('../node_modules/.cache/regrad', import.meta.url));
// Several may run at once: each has a bundle of its own, and removes it once it is loaded.
const bundle = `${folder}/run-${process.pid}.mjs`;
mkdirSync(folder, { recursive: true });
try {
  await build({
    entryPoints: [file],
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    sourcemap: 'inline',
  });
  process.setSourceMapsEnabled(true);
  process.argv = [process.argv[0], file, ...given];
  await import(pathToFileURL(bundle).href);
} finally {
  rmSync(bundle, { force: true });
}
