/**
 * What the launcher (`bin/mxcp`) noted before the program was loaded. It counts SIGHUP and the stop signals, for `serve`
 * only, keeps its handlers for the life of the process, and passes each later signal on to what is set here.
 */
export interface EarlySignals {
  readonly hangups: number;
  readonly stops: number;
  onHangup: () => void;
  onStop: () => void;
  /** The threads of the process then, where the system lists them. */
  readonly threads: readonly number[];
}
