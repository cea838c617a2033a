/** A `Response` whose whole body is known, and which the server adapter can write without a web stream. */

/**
 * Key under which any `Response` may carry its whole body.
 *
 * It is in the global symbol registry, so that a package can tag its responses without depending on this one:
 * `Object.assign(new Response(bytes), { [Symbol.for("@ami-streams/cdn.responseBytes")]: bytes })`.
 */
export const responseBytes: unique symbol = Symbol.for("@ami-streams/cdn.responseBytes");

class BytesResponse extends Response {
  readonly [responseBytes]: Uint8Array<ArrayBuffer>;
  #plain: Response | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>, init?: ResponseInit) {
    super(null, init);
    this[responseBytes] = bytes;
  }

  /** Made when somebody reads the body the ordinary way: its stream costs more than most of our answers. */
  get plain(): Response {
    const type = this.headers.get("content-type");
    this.#plain ??= new Response(this[responseBytes], type === null ? {} : { headers: { "content-type": type } });
    return this.#plain;
  }

  get isRead(): boolean {
    return this.#plain?.bodyUsed ?? false;
  }
}

// `Response` is typed as an interface of properties, which a class may not override with accessors and methods.
for (const name of ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const) {
  Object.defineProperty(BytesResponse.prototype, name, {
    value(this: BytesResponse) {
      return this.plain[name]();
    },
  });
}
Object.defineProperties(BytesResponse.prototype, {
  body: {
    get(this: BytesResponse) {
      return this.plain.body;
    },
  },
  bodyUsed: {
    get(this: BytesResponse) {
      return this.isRead;
    },
  },
  clone: {
    value(this: BytesResponse) {
      const { status, statusText, headers } = this;
      return new BytesResponse(this[responseBytes], { status, statusText, headers });
    },
  },
});

/**
 * A `Response` of whole bytes. Like `new Response(bytes, init)`, with `Content-Length`, without copying the bytes and without
 * a web stream until somebody asks for `body`.
 *
 * The bytes must not change afterwards.
 */
export function bytesResponse(bytes: Uint8Array, init: ResponseInit = {}): Response {
  const response = new BytesResponse(ownBytes(bytes), init);
  response.headers.set("content-length", String(bytes.byteLength));
  return response;
}

/** Whole body bytes that a response carries under {@link responseBytes}, if it does and nobody has read it. */
export function bytesOf(response: Response): Uint8Array | undefined {
  if (!(responseBytes in response) || response.bodyUsed) return undefined;
  const bytes = response[responseBytes];
  return bytes instanceof Uint8Array ? bytes : undefined;
}

/** Web streams refuse shared memory; everything else passes as it is. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (isOwn(bytes)) return bytes;
  return new Uint8Array(bytes);
}

function isOwn(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
