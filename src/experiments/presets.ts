/**
 * Configurations by name, `DATA-MODEL-METHOD`: those that `regrad reproduce` runs at the quick and the paper scale, with the
 * same sizes, rates and lambdas.
 */
import { grafting } from './paper/grafting.ts';
import { mainTable } from './paper/main-table.ts';
import { rowConfig } from './paper/row-config.ts';
import { sampleMicroBatch } from './paper/sample-micro-batch.ts';
import { type SettingKey, settings } from './paper/settings.ts';

const families = {
  resnet10: 'cifar10-resnet18',
  resnet100: 'cifar100-resnet18',
  vgg11: 'cifar10-vgg11',
  quick: 'optdigits-resnet',
} as const satisfies Partial<Record<SettingKey, string>>;

/** By name; each lacks nothing that a configuration needs. External grafting needs a run, so it has none. */
export const presets: Readonly<Record<string, unknown>> = Object.fromEntries(
  (Object.keys(families) as (keyof typeof families)[]).flatMap((key) => {
    const setting = settings[key];
    const rows = [mainTable, grafting, sampleMicroBatch]
      .flatMap((experiment) => experiment.rows(key, setting))
      .filter(
        ({ normsOf, microBatch }) => !normsOf && (microBatch ?? setting.microBatch) === setting.microBatch,
      )
      // A method at its own rate goes before the same at another's.
      .filter(({ method }, at, all) => all.findIndex((row) => row.method === method) === at);
    return rows.map((row) => [
      `${families[key]}-${row.method.toLowerCase()}`,
      Object.fromEntries(Object.entries(rowConfig(row, setting)).filter(([, value]) => value !== undefined)),
    ]);
  }),
);
