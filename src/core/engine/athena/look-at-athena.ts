/** What a workgroup of Athena enforces (https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html). */
import { GetWorkGroupCommand } from '@aws-sdk/client-athena';
import { type AthenaAccess, athenaPlace, openAthenaClient } from './athena-client.js';
import { athenaCallFailure } from './athena-failure.js';

export interface AthenaWorkgroup {
  readonly name: string;
  readonly state: string;
  /** Its own settings stand before those of a statement. */
  readonly enforces: boolean;
  /** `s3://…`; null: none of its own. */
  readonly output: string | null;
  /** Bytes after which it cancels a statement; null: no limit. */
  readonly cutoffBytes: number | null;
  /** e.g. `Athena engine version 3`. */
  readonly engineVersion: string | null;
}

/** @throws KeystoneError KS_CREDENTIALS, KS_CONFIG (no such workgroup), KS_ENGINE. */
export async function lookAtWorkgroup(access: AthenaAccess): Promise<AthenaWorkgroup> {
  const { workgroup } = access.athena;
  const client = await openAthenaClient(access);
  try {
    const { WorkGroup: found } = await client.send(new GetWorkGroupCommand({ WorkGroup: workgroup }));
    const settings = found?.Configuration;
    return {
      name: workgroup,
      state: found?.State ?? 'ENABLED',
      enforces: settings?.EnforceWorkGroupConfiguration ?? false,
      output: settings?.ResultConfiguration?.OutputLocation ?? null,
      cutoffBytes: settings?.BytesScannedCutoffPerQuery ?? null,
      engineVersion: settings?.EngineVersion?.EffectiveEngineVersion ?? null,
    };
  } catch (error) {
    throw athenaCallFailure(error, { place: athenaPlace(access.athena), workgroup, sql: '' });
  } finally {
    client.destroy();
  }
}
