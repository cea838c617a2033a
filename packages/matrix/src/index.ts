/**
 * Matrix for applications. The homeserver itself, its configuration and its life, is in `@ami-streams/matrix/deployment`.
 *
 * @packageDocumentation
 */

export { MatrixError, type MatrixErrorCode } from "./errors.ts";
