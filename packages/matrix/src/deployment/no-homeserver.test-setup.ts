/** For tests that need a homeserver alone: where it is missing, whoever imports this is skipped, or fails in CI. */

import { peer } from "@ami-streams/testing";

/** Whether tests with Synapse on PostgreSQL have to be skipped. */
export const noHomeserver = peer("synapse") === null || peer("postgres") === null;
