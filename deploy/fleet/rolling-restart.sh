#!/bin/sh
# Restarts the replicas of a fleet one after the other. Each is drained first, and the next one follows when it is ready again.
#
#   rolling-restart.sh RESTART SOCKET...
#
# RESTART is a shell command that restarts the replica of the socket "$1", for example
#   'systemctl restart "mxcp@$(basename "$1" .sock)"'
#
#   MXCP         another command than `mxcp`
#   DRAIN_WAIT   how long the calls of a replica may take to end (60s)
#   READY_WAIT   how many seconds a restarted replica may take to become ready (60)
#   SETTLE       seconds for the load balancer to notice; longer than its checks take (2)

set -eu

mxcp=${MXCP:-mxcp}
if [ $# -lt 2 ]; then
  echo "usage: $0 RESTART SOCKET..." >&2
  exit 2
fi
restart=$1
shift

is_ready() {
  # The command may be several words.
  # shellcheck disable=SC2086
  $mxcp admin ready --socket "$1" >/dev/null 2>&1
}

# Otherwise the restart could end the only replica in rotation.
for socket; do
  if ! is_ready "$socket"; then
    echo "$socket is not ready; nothing was restarted" >&2
    exit 1
  fi
done

done=0
for socket; do
  # shellcheck disable=SC2086
  if ! $mxcp admin drain --wait "${DRAIN_WAIT:-60s}" --socket "$socket" >/dev/null; then
    # shellcheck disable=SC2086
    $mxcp admin resume --socket "$socket" >/dev/null || true
    echo "calls on $socket did not end within ${DRAIN_WAIT:-60s}, so it serves again; $done of $# replicas were restarted" >&2
    exit 1
  fi
  sleep "${SETTLE:-2}"
  sh -c "$restart" restart "$socket"
  # The old process was drained, so only the new one can be ready.
  deadline=$(($(date +%s) + ${READY_WAIT:-60}))
  until is_ready "$socket"; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
      echo "$socket is not ready ${READY_WAIT:-60} s after its restart; $done of $# replicas were restarted, the others still serve" >&2
      exit 1
    fi
    sleep 0.2
  done
  sleep "${SETTLE:-2}"
  done=$((done + 1))
done
echo "restarted $done of $# replicas"
