#!/usr/bin/env bash
# Runs a cluster for as long as standard input stays open: it ends with whoever started it, even by kill -9.
# Prints what up.sh prints. Takes DATA_DIR away at the end, with up.sh's exit code when there was no start.
#
#   keep.sh BIN_DIR DATA_DIR [--node]
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$2

end() {
  "$here/up.sh" stop "$data"
  rm -rf "$data"
}
trap end EXIT
trap 'exit 1' HUP INT TERM

"$here/up.sh" "$@" </dev/null || exit
cat >/dev/null
