/** Where a configuration comes from: a preset, a YAML or JSON file, settings of the command line, each over the one before. */
import { readFile } from 'node:fs/promises';
import { parse, YAMLParseError } from 'yaml';
import { type RunConfig, resolveConfig, runSchema } from './config.ts';
import { problemsOf } from './config-problems.ts';
import { readProblem } from './files.ts';
import { nearest } from './nearest.ts';
import { presets } from './presets.ts';

/** Part of a configuration, and what errors call its source. */
export interface ConfigSource {
  readonly where: string;
  readonly values: unknown;
}

/** Reads a YAML file; JSON is YAML too. Throws a sentence that names the file and the line. */
export async function readConfigFile(path: string): Promise<ConfigSource> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(`Could not read the configuration ${path}: ${readProblem(error)}`, { cause: error });
  });
  return { where: path, values: parseYaml(text, path) };
}

/** The preset of that name; an unknown name is told with the one that was probably meant. */
export function presetSource(name: string): ConfigSource {
  if (!Object.hasOwn(presets, name)) {
    const names = Object.keys(presets);
    const meant = nearest(name, names);
    throw new Error(
      `There is no preset "${name}"; ${meant === undefined ? `choose one of ${names.join(', ')}.` : `did you mean "${meant}"?`}`,
    );
  }
  return { where: `preset ${name}`, values: presets[name] };
}

/** `a.b=v` as { a: { b: v } }; v is read as YAML: 0.1, true, null, [8, 16], text. */
export function settingSource(text: string): ConfigSource {
  const equals = text.indexOf('=');
  const path = text.slice(0, equals).split('.');
  if (equals < 1 || path.includes('')) {
    throw new Error(`--set ${text}: expected KEY=VALUE, as learningRate=0.1 or norms.hold=20.`);
  }
  const where = `--set ${text}`;
  const value: unknown = parseYaml(text.slice(equals + 1), where);
  return { where, values: path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) };
}

/**
 * The configuration that the sources make together: a later one wins, and mappings are merged key by key.
 * @throws Error with a sentence that names the source of an unknown key, or all sources for what is wrong otherwise.
 */
export function configFrom(sources: readonly ConfigSource[]): RunConfig {
  for (const { where, values } of sources) checkKeys(where, values);
  const merged = sources.reduce<unknown>((under, { values }) => mergedOver(under, values), {});
  return resolveConfig(merged, sources.map(({ where }) => where).join(', ') || 'The configuration');
}

function checkKeys(where: string, values: unknown): void {
  const issues = runSchema.safeParse(values).error?.issues ?? [];
  const telling = isMapping(values) ? issues.filter(isAboutKeys) : issues;
  if (telling.length > 0) throw new Error(`${where}: ${problemsOf(telling, values, runSchema)}`);
}

function isAboutKeys({ code }: { readonly code: string }): boolean {
  return code === 'unrecognized_keys';
}

function mergedOver(under: unknown, over: unknown): unknown {
  if (!isMapping(under) || !isMapping(over)) return over;
  const merged = Object.entries(over).map(([key, value]) => [key, mergedOver(under[key], value)] as const);
  return { ...under, ...Object.fromEntries(merged) };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseYaml(text: string, where: string): unknown {
  try {
    const value: unknown = parse(text, { prettyErrors: true, logLevel: 'error' });
    // Throws where a value holds itself, is too deep, or is more than a program can have meant.
    JSON.stringify(value, (key, part: unknown) => {
      if (key === '__proto__') throw new Error('a key cannot be named __proto__');
      return part;
    });
    return value;
  } catch (error) {
    throw new Error(`${where}: this is not ${yamlProblem(error)}`, { cause: error });
  }
}

function yamlProblem(error: unknown): string {
  if (error instanceof TypeError) return 'a configuration: an alias (*) stands inside what it stands for.';
  const problem = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  // Of the parser's own making or of JSON's.
  if (/call stack/.test(problem)) return 'a configuration: it is nested too deeply.';
  const kind = error instanceof YAMLParseError ? 'YAML' : 'a configuration';
  return `${kind}: ${problem.replace(/[:.]?\s*$/, '.')}`;
}
