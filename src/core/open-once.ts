/** What is opened on first use and closed together, by those who put several parts into one. */

export interface OpenOnce {
  /**
   * Runs `open` at most once, also when two callers race, and again after it failed; what was opened last is closed first.
   * Resolves to the same value for all.
   */
  once<T>(open: () => Promise<T>, close?: (value: T) => Promise<void>): () => Promise<T>;
  /** Closed before all that is open now. */
  closeFirst(close: () => Promise<void>): void;
  /** Closed after all that is open now: what is opened later closes before it too. */
  closeLast(close: () => Promise<void>): void;
  /** Closes one after the other; what is opened afterwards is closed by the next call. */
  close(): Promise<void>;
}

export function openOnce(): OpenOnce {
  const closers: (() => Promise<void>)[] = [];
  return {
    once: <T>(open: () => Promise<T>, close?: (value: T) => Promise<void>) => {
      let opened: Promise<T> | undefined;
      return () => {
        opened ??= open().then(
          (value) => {
            if (close) closers.unshift(() => close(value));
            return value;
          },
          (error: unknown) => {
            // A service that was away may be there when it is asked for next.
            opened = undefined;
            throw error;
          },
        );
        return opened;
      };
    },
    closeFirst: (close) => void closers.unshift(close),
    closeLast: (close) => void closers.push(close),
    close: async () => {
      for (const close of closers.splice(0)) await close();
    },
  };
}
