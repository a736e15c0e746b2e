/** Port: where single points in time go (CloudWatch). Unlike `Metrics`, whoever sends learns whether they arrived. */

/** Sum, count and ends of several measurements that one point stands for. */
export interface PointStatistics {
  readonly count: number;
  readonly sum: number;
  readonly least: number;
  readonly most: number;
}

export interface MetricPoint {
  /** As the service calls it, e.g. `ConsumerLag`. */
  readonly name: string;
  /** In their order; values are not empty. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly unit: 'Count' | 'Bytes' | 'Seconds' | 'None';
  readonly value: number | PointStatistics;
}

export interface MetricPoints {
  /** For messages, e.g. `CloudWatch in us-east-1, namespace Keystone`. */
  readonly place: string;
  /**
   * Resolves once all of them are taken. Several requests when they are many: after a failure some may have been taken, and sending all
   * again counts those of `PointStatistics` twice. @throws KeystoneError KS_METRICS, KS_CREDENTIALS.
   */
  put(points: readonly MetricPoint[], signal?: AbortSignal): Promise<void>;
  /** Asks whether the service answers and takes us, without leaving anything. @throws as `put`. */
  look(): Promise<void>;
  close(): void;
}
