/** AWS, or a server that speaks its protocol. */
export type S3Config = {
  /** Of another server than AWS, without a slash at its end. */
  endpoint: string | undefined;
  region: string;
  /** Undefined for buckets that everybody may read. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined } | undefined;
};

/** Where weights come from and go to; read by config.ts. */
export type SourceConfig = {
  /** Files that we keep: everything but the hub's own. */
  cacheDir: string;
  hub: {
    endpoint: string;
    token: string | undefined;
    /** The folder that Hugging Face's own tools share. */
    cacheDir: string;
  };
  /** AWS as anybody when left out. */
  s3?: S3Config | undefined;
};

export type PullProgress = { name: string; doneBytes: number; totalBytes: number | undefined };

export type PullOptions = SourceConfig & {
  /** Branch, tag or commit, where the source has such. */
  revision?: string | undefined;
  /** Hex digest that the weights file must have. */
  sha256?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Called with the commit that the revision stands for, by sources that have such. */
  onRevision?: ((commit: string) => void) | undefined;
  onProgress?: ((progress: PullProgress) => void) | undefined;
};

/** One kind of address. A source gives the path of a file or folder, and does nothing twice. */
export type Source = {
  scheme: string;
  /**
   * @param rest the address after `scheme://`.
   * Throws `source_not_found`, `source_forbidden`, `source_unavailable` or `digest_mismatch`.
   */
  pull: (rest: string, options: PullOptions) => Promise<string>;
};
