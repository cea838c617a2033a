/** The 32-bit sample flags of `trex`, `tfhd` and `trun` (ISO 14496-12 §8.8.3.1). */

/** sample_depends_on = 2 (depends on no other), a sync sample. */
export const SYNC_SAMPLE = 0x02000000;
/** sample_depends_on = 1 (depends on others), sample_is_non_sync_sample. */
export const NON_SYNC_SAMPLE = 0x01010000;
/** The bit sample_is_non_sync_sample. */
export const IS_NON_SYNC = 0x00010000;
