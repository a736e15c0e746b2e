/** How `ingest watch` tells a person what became of a file. */
import type { UploadReport } from '../core/ingest/uploads/upload-report.js';

const PROBLEMS_TOLD = 5;

/** One line: `orders.csv → done/orders.csv: 100 events of orders`. */
export function watchFileText({ file, movedTo, dataset, events, accepted, badRows, status }: UploadReport): string {
  const bad = badRows === 0 ? '' : `, ${badRows} rows unreadable`;
  const counted = movedTo === null ? `${events} events` : `${accepted} events accepted`;
  return `${file} → ${movedTo ?? `${status} (dry run)`}: ${counted}${dataset === null ? '' : ` of ${dataset}`}${bad}`;
}

/** Why it failed, its warnings and its first problems by line; the report file has them all. */
export function watchProblems({ file, movedTo, reason, warnings, problems }: UploadReport): readonly string[] {
  const lines = problems.slice(0, PROBLEMS_TOLD).map(({ line, reason }) => `${file}, line ${line ?? '?'}: ${reason}`);
  if (problems.length > PROBLEMS_TOLD)
    lines.push(`${file}: more problems${movedTo === null ? '' : ` in ${movedTo}.report.json`}`);
  return [...(reason === null ? [] : [`${file}: ${reason}`]), ...warnings, ...lines];
}
