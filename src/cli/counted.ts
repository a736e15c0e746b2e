/** Numbers of things in total lines. */

/** `1 file`, `2 files`; `plural` where an s is not enough. */
export const counted = (count: number, what: string, plural = `${what}s`): string => `${count} ${count === 1 ? what : plural}`;
