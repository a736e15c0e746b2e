import { BreakerSwitch } from '../../cli/breaker-switch.js';

export default class BreakerTrip extends BreakerSwitch {
  static override summary = 'Open a circuit breaker by hand: calls of the service are refused until it is reset';
  static override description =
    'For a service that is known to be ill, or about to be stopped. Every process of the project refuses its calls within a second; nothing is lost, what waits goes on after the reset. The level of degradation follows.';
  static override examples = [
    '<%= config.bin %> breaker trip store',
    "<%= config.bin %> breaker trip catalog --reason 'Glue is being moved' --json",
    '<%= config.bin %> breaker trip store --dry-run',
  ];
  protected override readonly to = 'tripped';
  protected override readonly already = 'open by hand';
}
