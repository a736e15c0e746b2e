/**
 * The parts of an Open Data Contract Standard v3.1 file that Keystone reads (https://bitol-io.github.io/open-data-contract-standard/).
 * Objects are loose: keys that we do not read are left to other tools. v3.0 files differ in nothing that is read here.
 */
import { z } from 'zod';

const text = z.string();

const odcsCustomProperty = z.looseObject({ property: text, value: z.unknown() });
const customProperties = z.array(odcsCustomProperty).optional();

/** One entry of a `quality` list; what its `type` demands is checked by `read-quality.ts`, which can say it in better words. */
export const odcsQuality = z.looseObject({
  name: text.optional(),
  description: text.optional(),
  type: z.enum(['text', 'library', 'sql', 'custom']).optional(),
  severity: text.optional(),
  unit: text.optional(),
  metric: z.enum(['nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'rowCount']).optional(),
  arguments: z.looseObject({}).optional(),
  engine: text.optional(),
  implementation: z.union([text, z.looseObject({})]).optional(),
  mustBe: z.unknown().optional(),
  mustNotBe: z.unknown().optional(),
  mustBeGreaterThan: z.number().optional(),
  mustBeGreaterOrEqualTo: z.number().optional(),
  mustBeLessThan: z.number().optional(),
  mustBeLessOrEqualTo: z.number().optional(),
  mustBeBetween: z.tuple([z.number(), z.number()]).optional(),
  mustNotBeBetween: z.tuple([z.number(), z.number()]).optional(),
});

export const odcsProperty = z.looseObject({
  name: text.min(1),
  description: text.optional(),
  logicalType: z.enum(['string', 'date', 'timestamp', 'time', 'number', 'integer', 'object', 'array', 'boolean']).optional(),
  logicalTypeOptions: z.looseObject({}).optional(),
  physicalType: text.optional(),
  required: z.boolean().default(false),
  unique: z.boolean().default(false),
  primaryKey: z.boolean().default(false),
  primaryKeyPosition: z.number().int().default(-1),
  partitioned: z.boolean().default(false),
  partitionKeyPosition: z.number().int().default(-1),
  quality: z.array(odcsQuality).default([]),
  customProperties,
});

export const odcsSchemaObject = z.looseObject({
  name: text.min(1),
  description: text.optional(),
  properties: z.array(odcsProperty).default([]),
  quality: z.array(odcsQuality).default([]),
  customProperties,
});

const teamMember = z.looseObject({ username: text.optional(), name: text.optional(), role: text.optional() });

export const odcsContract = z.looseObject({
  apiVersion: text.regex(/^v3\.\d+\.\d+$/, 'Keystone reads ODCS v3 contracts'),
  kind: z.literal('DataContract'),
  id: text.min(1),
  version: text.min(1),
  status: text.min(1),
  name: text.optional(),
  description: z.looseObject({ purpose: text.optional(), usage: text.optional() }).optional(),
  schema: z.array(odcsSchemaObject).default([]),
  /** An object since v3.1, a list of members before. */
  team: z
    .union([z.looseObject({ name: text.optional(), members: z.array(teamMember).optional() }), z.array(teamMember)])
    .optional(),
  support: z.array(z.looseObject({ channel: text.optional(), url: text.optional() })).optional(),
  customProperties,
});

export type OdcsContract = z.output<typeof odcsContract>;
export type OdcsSchemaObject = z.output<typeof odcsSchemaObject>;
export type OdcsProperty = z.output<typeof odcsProperty>;
export type OdcsQuality = z.output<typeof odcsQuality>;

/** The value of a custom property, undefined when absent. */
export const customProperty = (
  owner: { readonly customProperties?: readonly { readonly property: string; readonly value?: unknown }[] | undefined },
  property: string,
): unknown => owner.customProperties?.find((entry) => entry.property === property)?.value;
