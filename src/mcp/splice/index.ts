export { jsonArrayPieces, jsonPieces, jsonStringPieces } from './json-slices.js';
export { ResultSplices } from './result-splices.js';
export { OutputClosed } from './write-chunk.js';
export { writeMessage } from './write-message.js';
