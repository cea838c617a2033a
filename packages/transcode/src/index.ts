/**
 * From a publication to what players fetch: ladder, encoders, and one packager for LL-HLS, HLS, LL-DASH and DASH.
 *
 * @module
 */

// Errors.
export { TranscodeError, type TranscodeErrorCode } from "./errors.ts";
