/** Files of one JSON object a line, which only ever grow. */
import type { z } from 'zod';

/** The value that `text` holds as JSON; undefined if it is none. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The objects in `text`, each checked by `schema`. A last line without its line end was cut off while it was written, and is
 * left out. Throws a sentence that names the file and the line for any other that is no such object; `example` shows one.
 */
export function parseJsonLines<T>(text: string, file: string, schema: z.ZodType<T>, example: string): T[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, at) => {
    const fail = (problem: string): never => {
      throw new Error(`${file}, line ${at + 1}: ${problem}`);
    };
    const value = parsedJson(line);
    if (value === undefined) {
      return fail(
        `expected JSON such as ${example}, but it is ${JSON.stringify(line.slice(0, 60))}; the file is damaged.`,
      );
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [{ path }] = parsed.error.issues;
    return fail(
      `${path.length === 0 ? 'it' : `"${path.join('.')}"`} is not as in ${example}; the file is damaged.`,
    );
  });
}
