import { expect, it } from 'vitest';
import { tellWaiting } from '../../../../src/core/ingest/spool/drain-notice.js';
import type { SpoolState } from '../../../../src/core/ingest/spool/spool-mode.js';

it('says once what is waited for and once that it goes on, for each outage', () => {
  let nowMs = 0;
  const told: string[] = [];
  const look = tellWaiting({ nowMs: () => nowMs }, (text) => void told.push(text));
  const at = (ms: number, mode: SpoolState['mode'], problem: string | null, events = 7): void => {
    nowMs = ms;
    look({ mode, problem, events });
  };
  at(0, 'draining', null);
  at(100, 'spooling', null);
  at(200, 'spooling', 'Kafka at b:1 did not answer');
  at(300, 'spooling', 'Kafka at b:1 did not answer');
  at(400, 'full', 'another reason');
  expect(told).toEqual(['Kafka at b:1 did not answer; waiting for it, 7 events stay in the spool']);
  at(2700, 'draining', null);
  at(2800, 'log', null, 0);
  expect(told.slice(1)).toEqual(['going on after 2.5 s of waiting']);
  at(3000, 'spooling', 'away again', 2);
  expect(told.slice(2)).toEqual(['away again; waiting for it, 2 events stay in the spool']);
});
