export { jsonArrayPieces, jsonPieces, jsonStringPieces } from './json-slices.js';
export { ResultSplices } from './result-splices.js';
export { writeMessage, type WriteChunk } from './write-message.js';
