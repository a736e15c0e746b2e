/** A payload can bring any number of fields; --json counts them all. */
const FIELDS_NAMED = 10;

/** `colour (3), size (1) and 7 more`: fields that a contract does not know, with the events that had them. */
export function driftText(fields: Readonly<Record<string, number>>): string {
  const named = Object.entries(fields).map(([name, events]) => `${name} (${events})`);
  const more = named.length - FIELDS_NAMED;
  return `${named.slice(0, FIELDS_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
