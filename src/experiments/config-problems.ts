/** What is wrong with a configuration, in sentences: the key, what it should be, what it is. */
import { z } from 'zod';
import { nearest } from './nearest.ts';

type Path = readonly PropertyKey[];

/** The sentences for zod's issues with `input`, which `schema` describes. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], input: unknown, schema: z.ZodType): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return `expected a mapping of keys to values, but it is ${shown(input)}.`;
  }
  return issues.flatMap((issue) => sentences(issue, [], input, schema)).join(' ');
}

function sentences(issue: z.core.$ZodIssue, base: Path, input: unknown, schema: z.ZodType): string[] {
  const path = [...base, ...issue.path];
  const value = at(input, path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path, value);
    return issue.keys.map((key) => unknownKey([...path, key].join('.'), key, known));
  }
  // A description of the wrong form is judged by the form that it resembles.
  if (issue.code === 'invalid_union' && typeof value === 'object' && value !== null) {
    const inner = issue.errors.find((errors) =>
      errors.some((error) => error.path.length > 0 || 'keys' in error),
    );
    if (inner) return inner.flatMap((each) => sentences(each, path, input, schema));
  }
  const expected = descriptionAt(schema, path, input) ?? 'something else';
  return [
    value === undefined
      ? `${path.join('.')} is missing; it should be ${expected}.`
      : `${path.join('.')} should be ${expected}, but is ${shown(value)}.`,
  ];
}

/** That `name` is no key, and which of the known ones was probably meant. */
function unknownKey(name: string, key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const hint = meant === undefined ? `the keys are ${known.join(', ')}` : `did you mean "${meant}"?`;
  return `"${name}" is not a key; ${hint}${meant === undefined ? '.' : ''}`;
}

/** The schemas that a path may lead through: a union offers each of its forms. */
function schemasAt(schema: z.ZodType, path: Path, input: unknown): z.ZodType[] {
  let here: z.ZodType[] = [schema];
  let value = input;
  for (const key of path) {
    const held = value;
    here = here
      .flatMap((each) => forms(each, held))
      .flatMap((each) => (each instanceof z.ZodObject ? [each.shape[String(key)]] : []));
    here = here.filter((each) => each !== undefined);
    value = at(value, [key]);
  }
  return here;
}

/** What a schema may be without its wrappings: of a union of objects, those whose family is the value's. */
function forms(schema: z.ZodType, value: unknown): z.ZodType[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) {
    return forms(schema.unwrap() as z.ZodType, value);
  }
  if (schema instanceof z.ZodDiscriminatedUnion || schema instanceof z.ZodUnion) {
    return (schema.options as z.ZodType[]).flatMap((option) => forms(option, value));
  }
  const family = schema instanceof z.ZodObject ? schema.shape.family : undefined;
  return family instanceof z.ZodLiteral && family.value !== at(value, ['family']) ? [] : [schema];
}

function descriptionAt(schema: z.ZodType, path: Path, input: unknown): string | undefined {
  // The nearest description on the way: an element of a list is told by the list.
  for (let length = path.length; length > 0; length--) {
    const [found] = schemasAt(schema, path.slice(0, length), input).flatMap(
      ({ description }) => description ?? [],
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function keysAt(schema: z.ZodType, path: Path, value: unknown): string[] {
  const here = path.length === 0 ? [schema] : schemasAt(schema, path, wrap(path, value));
  return here
    .flatMap((each) => forms(each, value))
    .flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : []));
}

/** An input that holds nothing but `value`, at `path`. */
function wrap(path: Path, value: unknown): unknown {
  return path.reduceRight((inner, key) => ({ [key]: inner }), value);
}

function at(value: unknown, path: Path): unknown {
  return path.reduce(
    (held: unknown, key) =>
      typeof held === 'object' && held !== null ? (held as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

function shown(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'missing');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
