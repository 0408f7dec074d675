export { compareContracts, type ContractChange } from './compare-contracts.js';
export { type Contract, formatContract, parseContract, toContract } from './contract.js';
export { toGroupContracts } from './group-contracts.js';
export { countListTokens } from './list-tokens.js';
