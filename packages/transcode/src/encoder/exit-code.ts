/** Exit code of an encoder process whose backend cannot be loaded (`EX_UNAVAILABLE` of sysexits): restarting will not help. */
export const NOT_INSTALLED_EXIT = 69;
