export { notifySystemd, type SystemdNotifier } from './systemd-notifier.js';
export { type HandedSockets, takeServiceEnvironment } from './systemd-environment.js';
