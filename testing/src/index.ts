/** What the tests of all packages share: real peers, real footage, a real browser. */

export { type BrowserSession, launchChromium } from "./chromium.ts";
export { footage } from "./footage.ts";
export { type LibavPublisherOptions, libavPublisher } from "./libav-publisher.ts";
export { matrixCache, type PeerName, peer } from "./peer.ts";
export { runReadmeExample } from "./readme.ts";
