/** A new project from the templates: configuration, contracts, models. What a person has changed is never overwritten unasked. */
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { KeystoneError, messageOf } from '../errors.js';
import { systemErrorCode } from '../store/folder-error.js';
import { makeFolder } from '../store/make-folder.js';

/** The same depth below `src` and below `dist`. */
const TEMPLATES = fileURLToPath(new URL('../../../templates/', import.meta.url));

/** Folders of the templates and where in a project they go. */
const PARTS = [
  { from: 'project', to: '' },
  { from: 'contracts', to: 'contracts' },
  { from: 'models', to: 'models' },
] as const;

export interface InitRequest {
  /** Absolute path of the project's folder; made when absent. */
  readonly dir: string;
  /** Overwrites files that differ. */
  readonly force?: boolean;
  /** Only says what would be written. */
  readonly dryRun?: boolean;
}

export interface InitFile {
  /** Relative to the project's folder, with `/`. */
  readonly path: string;
  readonly action: 'create' | 'overwrite' | 'unchanged';
}

export interface InitResult {
  readonly dir: string;
  readonly dryRun: boolean;
  readonly files: readonly InitFile[];
}

/** Throws KS_USAGE when files are there that differ from the templates, before anything is written. */
export async function initProject({ dir, force = false, dryRun = false }: InitRequest): Promise<InitResult> {
  const wanted = await templateFiles(path.basename(dir));
  const files = await Promise.all(
    wanted.map(async (file) => ({ ...file, action: await actionFor(path.join(dir, file.path), file.content) })),
  );
  const inTheWay = files.filter((file) => file.action === 'overwrite').map((file) => file.path);
  if (inTheWay.length > 0 && !force) {
    throw new KeystoneError(
      'KS_USAGE',
      `${dir} already holds ${inTheWay.length} files that differ: ${inTheWay.slice(0, 5).join(', ')}${inTheWay.length > 5 ? ', …' : ''}`,
      {
        hint: 'keystone init --force overwrites them; --dry-run shows what would be written',
        details: { files: inTheWay },
      },
    );
  }
  if (!dryRun) {
    for (const file of files)
      if (file.action !== 'unchanged') await writeProjectFile(path.join(dir, file.path), file.content, file.action);
  }
  return { dir, dryRun, files: files.map((file) => ({ path: file.path, action: file.action })) };
}

interface TemplateFile {
  readonly path: string;
  readonly content: Buffer;
}

async function templateFiles(folderName: string): Promise<readonly TemplateFile[]> {
  const files: TemplateFile[] = [];
  for (const { from, to } of PARTS) {
    const root = path.join(TEMPLATES, from);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const source = path.join(entry.parentPath, entry.name);
      const inside = path.relative(root, source).split(path.sep).join('/');
      const raw = await readFile(source);
      const content =
        from === 'project' ? Buffer.from(raw.toString('utf8').replaceAll('{{project}}', projectName(folderName))) : raw;
      // npm leaves a file called .gitignore out of packages.
      files.push({ path: path.posix.join(to, inside === 'gitignore' ? '.gitignore' : inside), content });
    }
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** A name that YAML and Markdown take as it is. */
const projectName = (folderName: string): string =>
  folderName.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[^\p{L}]+/u, '') || 'keystone';

async function actionFor(file: string, content: Buffer): Promise<InitFile['action']> {
  const present = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw notWritable(file, error);
  });
  if (!present) return 'create';
  return present.equals(content) ? 'unchanged' : 'overwrite';
}

async function writeProjectFile(file: string, content: Buffer, action: 'create' | 'overwrite'): Promise<void> {
  try {
    await makeFolder(path.dirname(file));
    // Whole or not at all: half of a file would be in the way the next time, and half of a replaced one would be lost.
    const unfinished = `${file}.unfinished`;
    try {
      await writeFile(unfinished, content);
      // A file that appeared in between is not ours to overwrite.
      if (action === 'create') await link(unfinished, file);
      else await rename(unfinished, file);
    } finally {
      await rm(unfinished, { force: true });
    }
  } catch (error) {
    throw notWritable(file, error);
  }
}

const notWritable = (file: string, cause: unknown): KeystoneError =>
  new KeystoneError('KS_STORE', `${file} cannot be written: ${messageOf(cause)}`, {
    hint:
      systemErrorCode(cause) === 'ENOSPC'
        ? 'the disk is full: free space and run the same command again; it goes on where it stopped'
        : 'check the folder and its permissions',
    cause,
  });
