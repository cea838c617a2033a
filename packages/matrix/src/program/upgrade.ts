/** `ami-matrix upgrade`. */

import { upgrade } from "../deployment/upgrade/upgrade.ts";

/** Options as commander gives them. */
export interface UpgradeFlags {
  readonly dir: string;
  readonly to?: string;
  readonly cache?: string;
}

/** Says what it was and what it is. */
export async function runUpgrade({ dir, to, cache }: UpgradeFlags): Promise<void> {
  const {
    from,
    to: now,
    backup,
  } = await upgrade({
    dir,
    say: (line) => process.stderr.write(`• ${line} …\n`),
    ...(to === undefined ? {} : { to }),
    ...(cache === undefined ? {} : { cache }),
  });
  const text =
    backup === undefined
      ? `Synapse ${now} is what runs already`
      : `Synapse ${from} became ${now}; as it was before: ${backup}`;
  process.stdout.write(`${text}\n`);
}
