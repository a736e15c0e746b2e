/** Who is at the other end of a door, the same for gRPC and HTTP. */

export interface Client {
  /** What limits are counted by: the producer's name where it is proved, else the remote address. */
  readonly name: string;
  /**
   * The identity that the client proved: the common name (else the whole subject) of its certificate, or the name of its bearer token. It becomes the
   * event's source; a different source that the client claimed is kept as header `ks-claimed-source`. null: the door asks for no proof.
   */
  readonly producer: string | null;
  /** W3C trace context of the call as it was sent, for the log line of a refusal. */
  readonly traceparent?: string | undefined;
}

/** What a door knows of a caller before it reads the request. */
export interface Credentials {
  /** Subject of a certificate that the TLS layer has verified; null without one. */
  readonly certificateSubject: string | null;
  /** The `authorization` header or metadata as it came; null without one. */
  readonly authorization: string | null;
  readonly remoteAddress: string;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly client: Client }
  /** For gRPC UNAUTHENTICATED, for HTTP 401; the reason names neither tokens nor what would have been right. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Made once from the configuration; tokens are compared in constant time. */
export type Admit = (credentials: Credentials) => Admission;
