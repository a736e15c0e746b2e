/** The statement of a command line: given as an argument, or `-` for all of standard input. */
export async function statementText(argument: string, input: AsyncIterable<string | Uint8Array>): Promise<string> {
  if (argument !== '-') return argument;
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
