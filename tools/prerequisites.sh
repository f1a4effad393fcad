#!/usr/bin/env bash
# Makes sure the programs that build and test Signet are there. As root on a
# system with apt-get it installs what is missing; else it names the missing
# packages and fails. Go itself is expected to be installed.
set -euo pipefail

# command:Debian package. What each is for:
wanted=(
  gcc:gcc                   # the race detector needs cgo
  git:git                   # version stamp, lists of files
  make:make
  curl:curl                 # black-box tests of the API
  jq:jq                     # and of its JSON
  openssl:openssl           # signatures and certificates of another make
  gpg:gnupg
  ssh-keygen:openssh-client # and its ssh-agent
  softhsm2-util:softhsm2    # a PKCS#11 device made of software
  strace:strace             # order of writes and syncs as the kernel saw them
  chromium:chromium         # the pages, as a browser shows them
)

if ! command -v go >/dev/null; then
  echo "Go is missing: install Go $(awk '$1 == "go" {print $2}' "$(dirname "$0")/../go.mod") or newer." >&2
  exit 1
fi

for program in node npm; do
  if ! command -v "$program" >/dev/null; then
    echo "$program is missing: install Node.js 20 or newer with npm; the pages are built with it." >&2
    exit 1
  fi
done

missing=()
for entry in "${wanted[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
done
# gcc without the C library's headers can't build anything.
if command -v gcc >/dev/null && ! echo '#include <stdlib.h>' | gcc -E -x c - >/dev/null 2>&1; then
  missing+=(libc6-dev)
fi
# PostgreSQL's server, for the tests of the Cockpit's database. Debian doesn't put it on the path.
if ! command -v postgres >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
  missing+=(postgresql)
fi
# nginx, in front of an Agent. Debian puts it where only root looks.
if ! command -v nginx >/dev/null && [ ! -x /usr/sbin/nginx ]; then
  missing+=(nginx)
fi
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # The tests start servers of their own; none is to run on this machine for them.
  nginx_service() {
    [[ " ${missing[*]} " != *' nginx '* || ! -d /run/systemd/system ]] || systemctl "$1" nginx.service
  }
  without_cluster() {
    [[ " ${missing[*]} " != *' postgresql '* ]] && return
    local conf=/etc/postgresql-common/createcluster.conf
    apt-get install -y -q --no-install-recommends postgresql-common &&
      { grep -q '^create_main_cluster' "$conf" || echo 'create_main_cluster = false' >>"$conf"; }
  }
  if ! { apt-get update -q && nginx_service mask && without_cluster && apt-get install -y -q --no-install-recommends "${missing[@]}" libc6-dev &&
    nginx_service unmask && nginx_service disable; } </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "installing failed: ${missing[*]}" >&2
    exit 1
  fi
  rm -f "$log"
  exit 0
fi
echo "missing Debian packages: ${missing[*]}" >&2
echo "install them (as root: apt-get install ${missing[*]}), or run this as root" >&2
exit 1
