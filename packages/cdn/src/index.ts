/**
 * Origin and caching edge as fetch handlers, object stores, and one Node server for HTTP/1.1, HTTP/2 and TLS 1.3.
 *
 * @packageDocumentation
 */

// Media data: what players say of their playback (CMCD), and what an edge says of itself (CMSD).
export { type Cmcd, type CmcdNextRequest, parseCmcd, readCmcd } from "./cmcd/cmcd.ts";
export { type CmcdMetrics, type CmcdMode, observeCmcd, type UnreadReason } from "./cmcd/cmcd-metrics.ts";
export { type Cmsd, type CmsdFacts, type CmsdOptions, createCmsd } from "./cmcd/cmsd.ts";
export { type CmcdCollectorOptions, createCmcdCollector } from "./cmcd/collector.ts";
export { type DuressOptions, type DuressWatch, watchDuress } from "./cmcd/duress.ts";
export { type SendCmsdOptions, sendCmsd } from "./cmcd/send-cmsd.ts";
export { type CmcdTap, type CmcdTapOptions, createCmcdTap } from "./cmcd/tap.ts";
export { type CacheKeyOptions, type CacheKeys, createCacheKeys } from "./edge/cache-key/cache-key.ts";
// Disk tier: objects that survive a restart.
export type { DiskEntry } from "./edge/disk-tier/disk-entry.ts";
export {
  DEFAULT_BACKLOG_BYTES,
  DEFAULT_MAX_DISK_ENTRIES,
  DEFAULT_READ_BYTES,
  DEFAULT_SLICE_BYTES,
  DEFAULT_VOLUME_BYTES,
  type DiskTierOptions,
} from "./edge/disk-tier/disk-options.ts";
export { type DiskStats, observeDiskTier } from "./edge/disk-tier/disk-stats.ts";
export { createDiskTier, type DiskTier } from "./edge/disk-tier/disk-tier.ts";
export type { DiskWriter } from "./edge/disk-tier/disk-writer.ts";
export { type LentBody, type LentChunks, lentChunks } from "./edge/disk-tier/lent-chunks.ts";
export { createEdge, type Edge } from "./edge/edge.ts";
// Edge: a cache in front of upstreams.
export { DEFAULT_TARGETED_FIELDS } from "./edge/freshness/cache-control.ts";
export {
  DEFAULT_HEURISTIC,
  DEFAULT_STALE_IF_DISCONNECTED,
  type HeuristicFreshness,
} from "./edge/freshness/freshness.ts";
export {
  DEFAULT_CACHE_BYTES,
  DEFAULT_MAX_OBJECT_BYTES,
  DEFAULT_NEGATIVE_TTL,
  DEFAULT_PREFETCH_BYTES_PER_SECOND,
  type EdgeCacheOptions,
  type EdgeOptions,
  type LiveOptions,
} from "./edge/options.ts";
// Peers: each object lives at one of several edges.
export { createPeerMarks, MIN_PEER_SECRET, PEER_FIELD, type PeerMarks } from "./edge/peers/peer-mark.ts";
export {
  createPeerUpstream,
  DEFAULT_LOAD_FACTOR,
  DEFAULT_PEER_PATIENCE,
  DEFAULT_PEER_TIMEOUTS,
  type Peer,
  type PeersOptions,
  type PeerUpstream,
  type PeerUpstreamOptions,
} from "./edge/peers/peer-upstream.ts";
export type { RequestDirectivesMode } from "./edge/policy/lookup.ts";
export { PEER_COPY_LIFETIME } from "./edge/policy/storage.ts";
export { MAX_GROUP_INVALIDATIONS } from "./edge/purge/group-invalidation.ts";
// Purge: nothing purged is served any more, here or at another edge.
export { DEFAULT_PURGE_LEASE, type PurgeNetworkOptions, type PurgesOptions } from "./edge/purge/options.ts";
export { MAX_PURGE_NAMES, type Purge } from "./edge/purge/purge.ts";
export { createPurgeApi, type PurgeApiOptions } from "./edge/purge/purge-api.ts";
export { type Judged, MAX_PURGE_LOG_ENTRIES, type Verdict } from "./edge/purge/purge-log.ts";
export {
  createPurges,
  type PurgeResult,
  type PurgeStatus,
  type Purges,
} from "./edge/purge/purges.ts";
export { groupInvalidation, tagsOf } from "./edge/purge/response-tags.ts";
export { PURGES_SEEN_FIELD } from "./edge/purge/seen-field.ts";
export { DEFAULT_RANGE_SLICE_BYTES, DEFAULT_SLICE_ABOVE_BYTES } from "./edge/slices/slices.ts";
export type { EdgeStats } from "./edge/stats.ts";
export { MAX_DISK_OBJECT_BYTES, MIN_DISK_LIFETIME } from "./edge/tiered-store.ts";
// Upstreams: where an edge gets what it has not.
export type { Balance } from "./edge/upstream/balance.ts";
export { type CircuitOptions, type CircuitState, DEFAULT_CIRCUIT } from "./edge/upstream/circuit.ts";
export type { ForwardOptions } from "./edge/upstream/forward-headers.ts";
export { DEFAULT_HEALTH_CHECK, type HealthCheckOptions } from "./edge/upstream/health-check.ts";
export { type HedgeOptions, isSegment } from "./edge/upstream/hedge.ts";
export {
  MAX_HELD_REQUESTS,
  MAX_UPSTREAM_CONNECTIONS,
  MAX_WAITING_REQUESTS,
  type UpstreamConnections,
  type UpstreamTls,
} from "./edge/upstream/http-upstream.ts";
export { SLOW_FOR, UPSTREAM_COOLDOWN, type UpstreamStats } from "./edge/upstream/member.ts";
export { DEFAULT_RETRY, type RetryOptions } from "./edge/upstream/retry-budget.ts";
export type { S3Credentials } from "./edge/upstream/s3-signature.ts";
export type { S3Options } from "./edge/upstream/s3-upstream.ts";
export {
  DEFAULT_UPSTREAM_TIMEOUTS,
  type Upstream,
  type UpstreamRequest,
  type UpstreamResponse,
  type UpstreamTimeouts,
} from "./edge/upstream/upstream.ts";
export type { UpstreamOption, UpstreamOptions } from "./edge/upstream/upstream-options.ts";
export {
  createUpstreams,
  type Upstreams,
  type UpstreamsOptions,
  type UpstreamsPolicy,
} from "./edge/upstream/upstreams.ts";
export { CdnError, type CdnErrorCode } from "./errors.ts";
// Guards: wrappers that let requests pass or refuse them.
export { type AddressRulesOptions, addressRules } from "./guard/address/address-rules.ts";
export type { ClientAddress } from "./guard/address/client-address.ts";
export { type Countries, type CountriesOptions, openCountries } from "./guard/address/countries.ts";
export { type CountryRulesOptions, countryRules } from "./guard/address/country-rules.ts";
export { type TrustProxiesOptions, trustProxies } from "./guard/address/trusted-proxies.ts";
export { type ConnectionGate, type ConnectionGateOptions, createConnectionGate } from "./guard/connection-gate.ts";
export { allowCredentials, type CredentialsOptions } from "./guard/credentials.ts";
export { type Answerer, createGuard, type Guard, withGuards } from "./guard/guard.ts";
export { type HotlinksOptions, hotlinks } from "./guard/hotlinks.ts";
export { tokenOf } from "./guard/passed-request.ts";
export { type RateLimitOptions, type RateLimitRule, rateLimit } from "./guard/rate-limit/rate-limit.ts";
export type { GrantCookieOptions } from "./guard/token/grant-cookie.ts";
export { type JwtOptions, jwt } from "./guard/token/jwt.ts";
export { type SignUrlOptions, signUrl } from "./guard/token/sign-url.ts";
export { type SignedUrlsOptions, signedUrls } from "./guard/token/signed-urls.ts";
export type { SigningSecret } from "./guard/token/signing.ts";
export type { TokenPlaces } from "./guard/token/token-carrier.ts";
export type { TokenGuardOptions } from "./guard/token/token-guard.ts";
// Fast paths for handlers and wrappers.
export type { AnswerFacts, CacheOutcome } from "./handler/answer-facts.ts";
export { bytesResponse, responseBytes } from "./handler/bytes-response.ts";
// The seam: HTTP is a function.
export type { Connection, ConnectionTls, FetchHandler } from "./handler/fetch-handler.ts";
export {
  type RawFetchHandler,
  type RawHandler,
  type RawRequest,
  type RawResponse,
  rawHandler,
} from "./handler/raw.ts";
export type { ByteRange } from "./http/range.ts";
export type { Logger } from "./logger.ts";
export type { CorsOptions } from "./origin/cors.ts";
// Origin: live packagers and recordings.
export { createOrigin, type LiveEntry, type LiveStreams, type OriginOptions } from "./origin/origin.ts";
export type { VodCaching } from "./origin/vod.ts";
export { DEFAULT_LIMITS, type ServerLimits } from "./server/limits.ts";
// Server: puts a handler on HTTP.
export { createServer, type Server, type ServerStats } from "./server/server.ts";
export type { ServerOptions, ServerTls } from "./server/server-options.ts";
// Content steering for HLS and DASH.
export type { PathwayState } from "./steering/pathway-order.ts";
export { createSteering, type Pathway, type Steering, type SteeringOptions } from "./steering/steering.ts";
export type { PathwayClone } from "./steering/steering-document.ts";
export { createFolderStore } from "./store/folder-store.ts";
export { createMemoryStore, DEFAULT_MEMORY_STORE_BYTES, type MemoryStoreOptions } from "./store/memory-store.ts";
// Stores: keys and bytes.
export {
  MAX_KEY_BYTES,
  MAX_SEGMENT_BYTES,
  type ObjectMetadata,
  type ObjectStore,
  type StoredObject,
} from "./store/object-store.ts";
// Watch: wrappers that log and count what passes.
export { type AccessLogOptions, accessLog, type LogSink, type SampleByOutcome } from "./watch/access-log.ts";
export type { AccessFormat, AccessRecord } from "./watch/access-record.ts";
export {
  type ObservedHandler,
  type ObserveRequestsOptions,
  observeRequests,
  type RequestCounts,
} from "./watch/observe-requests.ts";
