export { type CallFailure, type ObservedCall, Observers, type ServerObserver } from './observers.js';
