/** `ingest.*`: the doors, who may come in and how much at a time, the spool. */
import { z } from 'zod';
import { durationMs, secretReference, sizeBytes } from './setting-values.js';

/** Absent where it has no default; files are relative to the project. */
const tlsConfig = z.strictObject({
  certificate: z.string().optional().describe('Certificate chain of the doors (PEM file); with it both doors speak TLS only'),
  key: z.string().optional().describe('Private key of the certificate (PEM file)'),
  clientCa: z.string().optional().describe('CA certificates (PEM file) that sign the certificates of clients'),
  clientCertificate: z
    .enum(['none', 'optional', 'required'])
    .default('none')
    .describe(
      'Whether clients show a certificate: `required` is mutual TLS; its subject names the producer, or the bearer token where one is shown too',
    ),
});

const limitsConfig = z.strictObject({
  eventsPerSecond: z
    .number()
    .positive()
    .optional()
    .describe('Events per second taken from one client; more is RESOURCE_EXHAUSTED'),
  bytesPerSecond: sizeBytes.optional().describe('Payload bytes per second taken from one client'),
  inFlight: sizeBytes.prefault('16MiB').describe('Payload bytes of one client accepted and not yet durable'),
  connections: z
    .number()
    .int()
    .min(1)
    .default(4096)
    .describe('Open connections of a door; for one more, the one that has shown least makes room'),
  idle: durationMs.prefault('5m').describe('A connection without a call for this long is closed'),
  requestTime: durationMs.prefault('30s').describe('Longest time for a handshake, a whole request, or the answer to a ping'),
});

const httpConfig = z.strictObject({
  port: z.number().int().min(0).max(65535).optional().describe('Port of the HTTP door; absent: no HTTP door; 0 takes a free one'),
});

const spoolConfig = z.strictObject({
  path: z.string().default('.keystone/spool').describe('Folder of the local spool, relative to the project'),
  maxSize: sizeBytes.prefault('1GB').describe('Bound on the bytes that wait in the spool; beyond it events are refused'),
  patience: durationMs
    .prefault('5s')
    .describe(
      'How long an append waits for a broker before its events go to the spool; 0: they are refused instead, and there is no spool',
    ),
});

/** What `ingest serve` listens on and takes. */
export const ingestConfig = z.strictObject({
  host: z.string().default('127.0.0.1').describe('Address the ingest server listens on'),
  port: z.number().int().min(0).max(65535).default(50051).describe('Port of the ingest server; 0 takes a free one'),
  defaultDataset: z.string().default('orders').describe('Dataset of an event that names none'),
  key: z
    .enum(['business', 'event-id', 'none'])
    .default('business')
    .describe("Partition key: the contract's key columns, the event id, or none"),
  linger: durationMs.prefault(0).describe('Fixed wait before a group commit; 0 commits when the event loop is free'),
  maxMessage: sizeBytes.prefault('4MiB').describe('Largest gRPC message and HTTP body taken'),
  maxInFlight: sizeBytes
    .prefault('64MiB')
    .describe('Payload bytes accepted and not yet durable, over all clients; more is RESOURCE_EXHAUSTED'),
  workers: z.number().int().min(1).max(256).default(1).describe('Processes that serve behind one port'),
  tls: tlsConfig.prefault({}),
  tokens: z
    .record(z.string().min(1), secretReference, {
      error: 'a table of producers and where their tokens are: write producer: env:NAME or producer: file:PATH below it',
    })
    .prefault({})
    .describe(
      "Bearer token of one producer; when there is one, a client without certificate needs one, and the producer's name becomes the source of its events",
    ),
  limits: limitsConfig.prefault({}),
  http: httpConfig.prefault({}),
  spool: spoolConfig.prefault({}),
});
