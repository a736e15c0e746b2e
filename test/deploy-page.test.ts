/** docs/deploy.md: its policies are whole JSON, allow every call that the code makes to AWS, and nothing that it does not make. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));

interface Policy {
  readonly Version: string;
  readonly Statement: readonly {
    readonly Sid: string;
    readonly Effect: string;
    readonly Action: readonly string[];
    readonly Resource: string | readonly string[];
  }[];
}

/** What an SDK's command is called in IAM, where that is not `<service>:<command>`. */
const S3_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  HeadObject: ['s3:GetObject'],
  ListObjectsV2: ['s3:ListBucket'],
  HeadBucket: ['s3:ListBucket'],
  DeleteObjects: ['s3:DeleteObject'],
  ListMultipartUploads: ['s3:ListBucketMultipartUploads'],
  CreateMultipartUpload: ['s3:PutObject'],
  UploadPart: ['s3:PutObject'],
  CompleteMultipartUpload: ['s3:PutObject'],
};
const PREFIX: Readonly<Record<string, string>> = { athena: 'athena', cloudwatch: 'cloudwatch', glue: 'glue', kafka: 'kafka' };
/** Asked by Athena or Kafka's protocol under the same identity, or by encryption, so that no command of an SDK shows them. */
const WITHOUT_COMMAND = /^(kms:|kafka-cluster:)|^(s3:(GetBucketLocation|ListMultipartUploadParts)|glue:GetDatabase)$/;

async function actionsOfTheCode(): Promise<ReadonlySet<string>> {
  const actions = new Set<string>();
  for (const name of await readdir(`${root}src`, { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const text = await readFile(`${root}src/${name}`, 'utf8');
    for (const [, imported = '', sdk = ''] of text.matchAll(/import (?:type )?\{([^}]*)\} from '@aws-sdk\/client-(\w+)'/g)) {
      for (const [, named, paged] of imported.matchAll(/(?<!type )\b(?:(\w+)Command|paginate(\w+))\b/g)) {
        const command = named ?? paged ?? '';
        const own = sdk === 's3' ? (S3_ACTIONS[command] ?? [`s3:${command}`]) : [`${PREFIX[sdk] ?? sdk}:${command}`];
        for (const action of own) actions.add(action);
      }
    }
  }
  return actions;
}

test('the policies of the deployment page allow what the code asks of AWS, and no more', async () => {
  const page = await readFile(`${root}docs/deploy.md`, 'utf8');
  const policies = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => JSON.parse(text ?? '') as Policy);
  expect(policies.length).toBeGreaterThanOrEqual(7);
  const allowed = new Set<string>();
  for (const { Version, Statement } of policies) {
    expect(Version).toBe('2012-10-17');
    expect(new Set(Statement.map(({ Sid }) => Sid)).size).toBe(Statement.length);
    for (const { Effect, Action, Resource } of Statement) {
      expect(Effect).toBe('Allow');
      for (const action of Action) {
        expect(action).toMatch(/^[a-z0-9-]+:[A-Za-z]+$/);
        allowed.add(action);
        // Only what AWS knows no narrower resource for stands on all.
        if (!action.startsWith('cloudwatch:')) expect([Resource].flat(), action).not.toContain('*');
      }
    }
  }
  const asked = await actionsOfTheCode();
  expect(asked.size).toBeGreaterThan(15);
  expect([...asked].filter((action) => !allowed.has(action)).toSorted()).toEqual([]);
  expect([...allowed].filter((action) => !asked.has(action) && !WITHOUT_COMMAND.test(action)).toSorted()).toEqual([]);
});
