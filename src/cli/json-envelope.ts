/** The one object that `--json` prints: the result with its warnings, or the error; and how much of the lake's work is put off meanwhile. */
import { redactText } from '../core/logging/redaction.js';
import { jsonText } from './json-text.js';

export interface JsonEnvelope {
  /** Kept for a reply with a result, without any secret. */
  warn(text: string): void;
  /** Null: nobody can tell. Never told: the reply says nothing of it. */
  tellDegradation(level: object | null): void;
  /** The reply's text. */
  ofResult(result: unknown): string;
  /** The same of a failure; `indent` 0 gives a single line. */
  ofError(error: object, indent: number): string;
}

export function jsonEnvelope(): JsonEnvelope {
  const warnings: string[] = [];
  let told: { readonly degradation?: object | null } = {};
  return {
    warn: (text) => void warnings.push(redactText(text)),
    tellDegradation: (degradation) => {
      told = { degradation };
    },
    ofResult: (result) => `${jsonText({ result, warnings, ...told }, 2)}\n`,
    ofError: (error, indent) => `${jsonText({ error, ...told }, indent)}\n`,
  };
}
