// What a page must load: the core (engine and nn) as one minified module, in bytes. It fails if the core imports what
// a browser does not have.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const foreign = [];
const noteForeign = {
  name: 'note-foreign',
  setup(plugins) {
    plugins.onResolve({ filter: /^[^.]/ }, ({ path, importer, kind }) => {
      if (kind === 'entry-point') return undefined;
      foreign.push(`${importer.replaceAll('\\', '/').replace(/^.*\/src\//, 'src/')} imports ${path}`);
      return { path, external: true };
    });
  },
};

const { outputFiles } = await build({
  absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
  entryPoints: ['src/index.ts'],
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  write: false,
  plugins: [noteForeign],
});
if (foreign.length > 0) {
  console.error(`error: A browser has neither Node nor packages, but ${foreign.join('; ')}.`);
  process.exitCode = 1;
} else {
  const [{ contents }] = outputFiles;
  console.log(`core bundle: ${contents.length} bytes, ${gzipSync(contents, { level: 9 }).length} gzip`);
}
