// The bench as one file, dist/regrad-bench.mjs, for a machine without the checkout: it needs Node and the package
// webgpu there, and @sparticuz/chromium where there is no GPU. The commit is written into it.
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const outfile = process.argv[2] ?? 'dist/regrad-bench.mjs';
await build({
  entryPoints: ['bench/standalone.ts'],
  outfile,
  bundle: true,
  minifySyntax: true,
  minifyWhitespace: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: ['webgpu', '@sparticuz/chromium', 'esbuild', 'canvas'],
  define: { 'process.env.REGRAD_COMMIT': JSON.stringify(commit()) },
  // Some packages ask for Node's modules by `require`.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  logLevel: 'warning',
});
const kilobytes = Math.round(statSync(outfile).size / 1000);
console.log(
  `${outfile}, ${kilobytes} kB. Copy it to the machine; there: npm install webgpu && node regrad-bench.mjs --help`,
);

/** What `git describe` says, with -dirty for files that differ; 'unknown' outside a git checkout. */
function commit() {
  try {
    const describe = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'];
    return execFileSync('git', describe, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
