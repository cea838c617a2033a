/** What `ami-matrix init` asks at a terminal. */

import { checkbox, confirm, input } from "@inquirer/prompts";
import type { BridgeName, DeploymentConfig } from "../deployment/config/deployment-config.ts";

/** Asks what flags left open. */
export async function ask(given: Partial<DeploymentConfig>): Promise<Partial<DeploymentConfig>> {
  const serverName =
    given.serverName ??
    (await input({
      message: "Server name, the part of user ids after the colon (it can never be changed):",
      required: true,
    }));
  const federation =
    given.federation ?? (await confirm({ message: "Talk to users of other Matrix servers?", default: true }));
  const byToken =
    given.registration === undefined &&
    (await confirm({ message: "Let people with a token make an account?", default: false }));
  const extras = await checkbox({
    message: "What else?",
    choices: [
      { name: "group calls (LiveKit)", value: "calls" },
      { name: "Jitsi Meet", value: "jitsi" },
      ...(["discord", "irc", "slack", "telegram"] as const).map((name) => ({ name: `bridge to ${name}`, value: name })),
    ],
  });
  const bridges = extras.filter((extra): extra is BridgeName => extra !== "calls" && extra !== "jitsi");
  return {
    ...given,
    serverName,
    federation,
    ...(byToken ? { registration: "token" as const } : {}),
    ...(extras.includes("calls") ? { calls: true } : {}),
    ...(extras.includes("jitsi") ? { jitsi: true } : {}),
    ...(bridges.length > 0 ? { bridges } : {}),
  };
}
