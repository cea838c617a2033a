/** What only exists once it was built: the page and the demo's command. */

interface Setup {
  setup(options: { build: boolean }): Promise<unknown>;
}

/** Builds what is out of date, as `npm start` does. */
export async function build(): Promise<void> {
  const { setup } = (await import("../../scripts/lib/setup.mjs" as string)) as Setup;
  await setup({ build: true });
}
