/**
 * A Matrix homeserver and what belongs to it: configuration, secrets, and its life on a machine.
 *
 * @packageDocumentation
 */

export type { BackupFacts } from "./backup/archive.ts";
export { type Backup, type BackupOptions, backUp, type RestoreOptions, restoreBackup } from "./backup/backup.ts";
export {
  type BridgeName,
  type DeploymentConfig,
  defineDeployment,
  type ElementConfig,
  type ImageName,
  type TlsConfig,
  type TurnConfig,
} from "./config/deployment-config.ts";
export { type Deployment, resolveDeployment } from "./config/resolve.ts";
export { type ExamineOptions, examine } from "./doctor/doctor.ts";
export type { CheckName, Finding, FindingLevel } from "./doctor/finding.ts";
export { findLocal, type LocalHomeserver, type LocalOptions, startLocal, stopLocal } from "./local/local.ts";
export { type InstallOptions, installSynapse } from "./local/synapse.ts";
export { type Upgrade, type UpgradeOptions, upgrade } from "./upgrade/upgrade.ts";
export { type RegisterOptions, registerUser } from "./users/register.ts";
export { readDeployment } from "./write/config-file.ts";
export { type WriteOptions, type WrittenDeployment, writeDeployment } from "./write/write-deployment.ts";
