export { type CallForTest, type EndpointTests, type TestOutcome, type TestReport, runTests } from './run-tests.js';
