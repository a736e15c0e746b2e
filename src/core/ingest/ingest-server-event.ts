/** What a running ingest server tells of itself: to the terminal, to the log, and from a worker to its supervisor. */
import type { Level } from '../resilience/degradation.js';
import type { ServingLevel } from './serving-level.js';
import type { SpoolState } from './spool/spool-mode.js';

export type IngestServerEvent =
  /** `httpAddress` is null without an HTTP door. */
  | { readonly kind: 'listening'; readonly address: string; readonly httpAddress: string | null }
  | { readonly kind: 'appendFailed'; readonly message: string }
  /** The certificate's files have changed; `problem` says why the old certificate stays in use, null: the new one is. */
  | { readonly kind: 'certificate'; readonly problem: string | null }
  | { readonly kind: 'warning'; readonly message: string }
  /** Where accepted events go has changed, or was not the log at the start; and the level of degradation meanwhile. */
  | { readonly kind: 'mode'; readonly state: SpoolState; readonly level: ServingLevel['level'] }
  /** The level of degradation has changed, or was not full at the start. */
  | { readonly kind: 'degradation'; readonly from: Level; readonly to: Level; readonly causes: readonly string[] }
  /** It ends, and so many accepted events still wait for the log. */
  | { readonly kind: 'leftInSpool'; readonly events: number }
  | { readonly kind: 'draining' };
