export { DescriptorWatch } from './descriptor-watch.js';
export { readFilesystems, type WatchedFolders } from './system-facts.js';
export { SystemProbe } from './system-probe.js';
