/** The part of asciichart that is used; the package brings no types. */
declare module 'asciichart' {
  interface PlotConfig {
    /** Columns left of the first value. */
    readonly offset?: number;
    readonly height?: number;
    readonly min?: number;
    readonly max?: number;
    /** Escape sequences, one for each series. */
    readonly colors?: readonly string[];
    /** Ten characters: axis cross, axis, two ends, line, and its corners. */
    readonly symbols?: readonly string[];
    readonly format?: (value: number) => string;
  }
  const asciichart: {
    readonly cyan: string;
    plot(series: readonly number[] | readonly (readonly number[])[], config?: PlotConfig): string;
  };
  export default asciichart;
}
