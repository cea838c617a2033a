/** The one error class of this package. */

/** What went wrong, stable across releases. */
export type MatrixErrorCode =
  /** An option or a config makes no sense; the message lists every problem. */
  | "INVALID_CONFIG"
  /** The folder holds no deployment: `ami-matrix init` writes one. */
  | "NO_DEPLOYMENT"
  /** A server's name is part of every user, room and event: it cannot be changed once there is a signing key. */
  | "SERVER_NAME_FIXED"
  /** A file cannot be read or written, see `cause`. */
  | "FILE_FAILED"
  /** A secret can be read by others than its owner, or is missing. */
  | "SECRET_UNSAFE"
  /** A program that is needed is not on this machine; the message says which one and how to get it. */
  | "PROGRAM_MISSING"
  /** Synapse could not be installed from PyPI, see `cause`. */
  | "INSTALL_FAILED"
  /** Another process is starting or stopping the deployment. */
  | "BUSY"
  /** A port is taken by another program. */
  | "PORT_TAKEN"
  /** PostgreSQL could not be started or reached, see `cause`. */
  | "DATABASE_FAILED"
  /** Synapse ended, or did not answer in time; the message has the end of its log. */
  | "START_FAILED"
  /** The new release did not start; what was there before is back, and the backup is kept. */
  | "UPGRADE_FAILED"
  /** A process did not end in time. */
  | "STOP_FAILED"
  /** The folder or the database holds something already, and would be written over. */
  | "NOT_EMPTY"
  /** There is nothing to back up: the deployment never ran. */
  | "NEVER_RAN"
  /** A backup is damaged, incomplete, or of another program. */
  | "BACKUP_CORRUPT"
  /** The homeserver refused a request; the message has its `errcode`. */
  | "REQUEST_REFUSED"
  /** The homeserver cannot be reached, or answers with something other than Matrix. */
  | "UNREACHABLE";

/** Every error this package throws. */
export class MatrixError extends Error {
  override readonly name = "MatrixError";
  readonly code: MatrixErrorCode;

  constructor(code: MatrixErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
