export { OpenTelemetry } from './opentelemetry.js';
