#!/usr/bin/env bash
# Fails when `go generate` would change a file. It works on a copy of the tree,
# so that it neither changes the files at hand nor needs them committed.
set -euo pipefail
cd "$(dirname "$0")/.."
git=(git -c safe.directory='*')

# ^ and the space: a mention in a comment's middle isn't a directive.
if ! "${git[@]}" ls-files -z --cached --others --exclude-standard '*.go' |
  xargs -0 -r grep -lsE '^//go:generate ' >/dev/null; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/before"
"${git[@]}" ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done |
  tar --null -T - -cf - | tar -xf - -C "$work/before"
cp -a "$work/before" "$work/after"
(cd "$work/after" && go generate ./...)
if ! (cd "$work" && diff -ruN before after); then
  echo "generated files are not current: run 'go generate ./...' and commit the result" >&2
  exit 1
fi
