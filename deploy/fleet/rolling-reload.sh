#!/bin/sh
# Reloads the replicas of a fleet one after the other and stops at the first that refuses.
#
#   rolling-reload.sh [OPTION OF mxcp admin reload]... SOCKET...
#
# A dry run on the first replica comes before anything changes. MXCP names another command than `mxcp`.

set -eu

mxcp=${MXCP:-mxcp}
options=
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    -*) options="$options $1"; shift ;;
    *) break ;;
  esac
done
if [ $# -eq 0 ]; then
  echo "usage: $0 [OPTION OF mxcp admin reload]... SOCKET..." >&2
  exit 2
fi

# Both may be several words.
# shellcheck disable=SC2086
if ! $mxcp admin reload $options --dry-run --socket "$1"; then
  echo "$1 would refuse the reload; no replica was reloaded" >&2
  exit 1
fi
done=0
for socket; do
  # shellcheck disable=SC2086
  if ! $mxcp admin reload $options --socket "$socket"; then
    echo "$socket refused the reload and serves what it served before; $done of $# replicas were reloaded" >&2
    exit 1
  fi
  done=$((done + 1))
done
echo "reloaded $done of $# replicas"
