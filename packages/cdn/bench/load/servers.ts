/** The servers that are compared: each on one core, caching what one origin has, in cleartext and with TLS 1.3. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { access, chmod, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { childrenOf, end, freePort, onCore, SERVER_CORE, until } from "./processes.ts";

const run = promisify(execFile);

/** One server under test. */
export interface ServerUnderTest {
  readonly name: string;
  /** Without a slash at the end. */
  readonly url: { readonly plain: string; readonly tls: string | undefined };
  /** Processes that work for a request. */
  readonly pids: { readonly plain: readonly number[]; readonly tls: readonly number[] };
  close(): Promise<void>;
}

/** Where servers find what they need. */
export interface Surroundings {
  /** A folder of the benchmark's own. */
  readonly folder: string;
  /** URL of the origin. */
  readonly origin: string;
  readonly key: string;
  readonly cert: string;
}

/** A key and a certificate for 127.0.0.1: ECDSA on P-256, as public CAs give them. */
export async function makeCertificate(folder: string): Promise<{ key: string; cert: string }> {
  // hitch ends on a client's SNI when its certificate names no host.
  const key = join(folder, "key.pem");
  const cert = join(folder, "cert.pem");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run("openssl", ["req", "-x509", ...kind, "-days", "30", ...subject, "-keyout", key, "-out", cert]);
  return { key, cert };
}

/** This edge, or another build of it. */
export async function startEdge(
  { origin, key, cert }: Surroundings,
  { name = "edge", entry, nodeArgs = [] }: { name?: string; entry?: string; nodeArgs?: readonly string[] } = {},
): Promise<ServerUnderTest> {
  const program = entry ?? fileURLToPath(new URL("../edge-process.ts", import.meta.url));
  const args = [...nodeArgs, "--conditions=@ami-streams/source", "--no-warnings", program, origin, key, cert];
  const child = onCore(SERVER_CORE, process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  const [plain, tls] = line.toString().trim().split(" ");
  const pids = [child.pid!];
  return { name, url: { plain: plain!, tls }, pids: { plain: pids, tls: pids }, close: () => end(child) };
}

/** nginx with `proxy_cache`, one worker. */
export async function startNginx(program: string, surroundings: Surroundings): Promise<ServerUnderTest> {
  const { folder } = surroundings;
  const [plain, tls] = [await freePort(), await freePort()];
  const config = join(folder, "nginx.conf");
  await writeFile(config, nginxConfig(surroundings, plain, tls));
  const child = onCore(SERVER_CORE, program, ["-c", config, "-p", folder], { stdio: ["ignore", "ignore", "inherit"] });
  await untilListens(plain);
  const pids = await until(5, async () => {
    // The cache's own manager and loader are children, too.
    const workers: number[] = [];
    for (const pid of await childrenOf(child.pid!)) {
      if ((await readFile(`/proc/${pid}/cmdline`, "utf8")).includes("worker process")) workers.push(pid);
    }
    if (workers.length === 0) throw new Error("nginx started no worker");
    return workers;
  });
  return {
    name: "nginx",
    url: { plain: `http://127.0.0.1:${plain}`, tls: `https://127.0.0.1:${tls}` },
    pids: { plain: pids, tls: pids },
    close: () => end(child),
  };
}

/** Varnish, with hitch in front of it for TLS where the machine has it: both on the one core. */
export async function startVarnish(
  program: string,
  hitch: string | null,
  { folder, origin, key, cert }: Surroundings,
): Promise<ServerUnderTest> {
  const [plain, tls] = [await freePort(), await freePort()];
  const vcl = join(folder, "edge.vcl");
  const proxySocket = join(folder, "varnish.sock");
  const { hostname, port } = new URL(origin);
  await writeFile(vcl, `vcl 4.1;\nbackend default { .host = "${hostname}"; .port = "${port}"; }\n`);
  const args = ["-F", "-f", vcl, "-n", join(folder, "varnish"), "-s", "malloc,1g"];
  args.push("-a", `127.0.0.1:${plain},HTTP`, "-a", `${proxySocket},PROXY,mode=666`);
  // One pool per core, and threads for as many connections as may be busy at once, before they are needed.
  args.push("-p", "thread_pools=1", "-p", "thread_pool_min=1100", "-p", "thread_pool_max=5000");
  args.push("-p", "listen_depth=4096");
  // Without a jail: a benchmark's folder belongs to whoever runs it.
  args.push("-j", "none");
  const varnish = onCore(SERVER_CORE, program, args, { stdio: ["ignore", "ignore", "ignore"] });
  await untilListens(plain);
  const workers = await childrenOf(varnish.pid!);
  if (hitch === null) {
    return {
      name: "varnish",
      url: { plain: `http://127.0.0.1:${plain}`, tls: undefined },
      pids: { plain: workers, tls: [] },
      close: () => end(varnish),
    };
  }
  // hitch gives up being root, and has to reach the socket all the same.
  await chmod(folder, 0o711);
  const pem = join(folder, "hitch.pem");
  await writeFile(pem, (await readFile(key, "utf8")) + (await readFile(cert, "utf8")));
  const config = join(folder, "hitch.conf");
  await until(5, () => access(proxySocket));
  const root = process.getuid?.() === 0 ? 'user = "nobody"\n' : "";
  await writeFile(
    config,
    `${root}frontend = { host = "127.0.0.1" port = "${tls}" }
pem-file = "${pem}"
backend = "${proxySocket}"
workers = 1
write-proxy-v2 = on
tls-protos = TLSv1.3
alpn-protos = "http/1.1"
daemon = off
quiet = on
backlog = 4096
`,
  );
  const front = onCore(SERVER_CORE, hitch, [`--config=${config}`], { stdio: "ignore" });
  await untilListens(tls);
  const fronts = await childrenOf(front.pid!);
  return {
    name: "varnish",
    url: { plain: `http://127.0.0.1:${plain}`, tls: `https://127.0.0.1:${tls}` },
    pids: { plain: workers, tls: [...workers, ...fronts] },
    close: async () => {
      await end(front);
      await end(varnish);
    },
  };
}

function nginxConfig({ folder, origin, key, cert }: Surroundings, plain: number, tls: number): string {
  return `
daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log crit;
events { worker_connections 8192; multi_accept on; use epoll; }
http {
  access_log off;
  server_tokens off;
  sendfile on;
  sendfile_max_chunk 2m;
  # Over loopback, tcp_nopush holds the last bytes of a body back for a delayed ACK: 64 KB would be ten times slower.
  tcp_nopush off;
  tcp_nodelay on;
  keepalive_timeout 65;
  keepalive_requests 100000000;
  reset_timedout_connection on;
  open_file_cache max=10000 inactive=60s;
  open_file_cache_valid 60s;
  open_file_cache_min_uses 1;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=edge:64m max_size=1g inactive=60m use_temp_path=off;
  ssl_certificate ${cert};
  ssl_certificate_key ${key};
  ssl_protocols TLSv1.3;
  ssl_session_cache shared:tls:10m;
  # For throughput; the default, said here because guides name it.
  ssl_buffer_size 16k;
  upstream origin { server ${new URL(origin).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${plain} backlog=4096;
    listen 127.0.0.1:${tls} ssl backlog=4096;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache edge;
      proxy_cache_key $uri$is_args$args;
      proxy_cache_lock on;
      proxy_cache_valid 200 10m;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
`;
}

async function untilListens(port: number): Promise<void> {
  await until(10, async () => {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
    } finally {
      socket.destroy();
    }
  });
}
