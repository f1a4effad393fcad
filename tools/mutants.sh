#!/usr/bin/env bash
# Changes the code of the packages that decide who is believed in every small
# way, and requires that their tests notice 95 % of the changes:
#   mutants.sh GREMLINS [PACKAGE...]
# It works in a clone of what is committed, with one worker and little priority.
set -euo pipefail

gremlins=$1
shift
if (($# == 0)); then
  set -- ./internal/{release,policy,charter,guard,trust}
fi

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone -q --no-hardlinks . "$clone/signet"
cd "$clone/signet"

# Without -count=1 a result from the cache would be taken for the time that the
# tests take, and every change for one that hangs. Vet would refuse changes that
# the tests are asked about.
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -short -count=1 -vet=off"

# without prints, as options, the files of a package that aren't changed: what the
# tests are made with, and what decides nothing.
without() {
  echo '--exclude-files=test/'
  case $1 in
    */pki) find "$1" -name '*.go' -printf '--exclude-files=^%f$\n' | grep -v -e _test -e '\^check' -e '\^crl' -e '\^validate' ;;
    */bulletin) echo '--exclude-files=^deliver.go$' ;;
  esac
}

failed=()
for package; do
  echo "== $package"
  mapfile -t options < <(without "$package")
  nice -n 19 "$gremlins" unleash --workers 1 --timeout-coefficient 5 --invert-logical --invert-loopctrl \
    --output-statuses lctv --threshold-efficacy 95 "${options[@]}" ${ARGS:-} "$package" || failed+=("$package")
done
if ((${#failed[@]} > 0)); then
  echo "too few changes were noticed: ${failed[*]}" >&2
  exit 1
fi
