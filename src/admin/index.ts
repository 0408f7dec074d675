export { startAdminServer } from './admin-server.js';
export type {
  AdminPorts,
  BackgroundReport,
  Check,
  ConfigSnapshot,
  EndpointSnapshot,
  ReadinessReport,
  ReadinessSource,
  ReloadStatusSnapshot,
  StatusSnapshot,
} from './routes/ports.js';
