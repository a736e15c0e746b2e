/** Where the lake of a profile lies, in words for people and in the form that table metadata names it. */
import type { ProfileConfig } from '../config/config.js';

/** The absolute lake folder, or `s3://bucket/prefix`. */
export function lakePlace({ store }: ProfileConfig): string {
  if (store.adapter === 'folder') return store.path;
  return s3Place(store.s3.bucket ?? '(store.s3.bucket is not set)', trimmedPrefix(store.s3.prefix));
}

/** The folder in which this machine keeps files of the lake: the lake itself, or the local copies of a remote one. */
export const localLakeFolder = ({ store }: ProfileConfig): string => (store.adapter === 'folder' ? store.path : store.s3.cache);

export const s3Place = (bucket: string, prefix: string): string => `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;

/** Without the slashes at its ends. */
export const trimmedPrefix = (prefix: string): string => prefix.replaceAll(/^\/+|\/+$/g, '');

/** True for `s3://…` and the older names of the same that other engines write. */
export const isS3Uri = (uri: string): boolean => /^s3[an]?:\/\//.test(uri);
