import { BreakerSwitch } from '../../cli/breaker-switch.js';

export default class BreakerReset extends BreakerSwitch {
  static override summary = 'Close a circuit breaker: calls of the service go through again, and failures count anew';
  static override description =
    'Ends what breaker trip began, or the wait of one that opened by itself. A service that still fails opens it again.';
  static override examples = [
    '<%= config.bin %> breaker reset store',
    "<%= config.bin %> breaker reset store --reason 'the bucket is back' --json",
    '<%= config.bin %> breaker reset store --dry-run',
  ];
  protected override readonly to = 'closed';
  protected override readonly already = 'closed';
}
