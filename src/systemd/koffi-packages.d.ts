/** The packages of koffi for single platforms, which have no types: the part that is used here. */
declare module '@koromix/koffi-linux-*' {
  export interface Koffi {
    /** `null` is the program itself, and so the C library that it is linked with. */
    load(library: null): { func(signature: string): (...args: unknown[]) => number };
    errno(): number;
  }
  const koffi: Koffi;
  export default koffi;
}
