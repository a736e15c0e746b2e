/** The lease that the one builder of a topic holds. */
export const leaseName = (topic: string): string => `consume/${topic}`;
