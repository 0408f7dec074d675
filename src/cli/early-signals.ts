/**
 * What the launcher knows from before anything was loaded. Signals that arrive before anything is loaded, counted by the launcher (`bin/mxcp`), which keeps its handlers for the
 * life of the process and passes each signal on to what is set here. SIGHUP and the stop signals, for `serve` only.
 */
export interface EarlySignals {
  readonly hangups: number;
  readonly stops: number;
  onHangup: () => void;
  onStop: () => void;
  /** The threads of the process then, where the system lists them. */
  readonly threads: readonly number[];
}
