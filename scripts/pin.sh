#!/usr/bin/env bash
# Puts the digest behind the tag of every image from elsewhere, in the Dockerfiles and under
# deploy/: IMAGE:TAG becomes IMAGE:TAG@sha256:…, and an old digest a new one. Which images
# those are the files say themselves. It asks the registries, through docker buildx, which
# must be there; no file is changed before all have answered.
set -euo pipefail
cd "$(dirname "$0")/.."

files=(cmd/*/Dockerfile services/*/Dockerfile deploy/docker-compose*.yml deploy/k8s/components/*/*.yaml)

# In compose a tag may be the default of a variable: ${NATS_VERSION:-2.15.2}.
images() {
	sed -nE -e 's/^FROM ([^ ]+:[^ ]+).*/\1/p' -e 's/^ *(- )?image: ([^ ]+)$/\2/p' "${files[@]}" |
		sed -E -e 's/\$\{[A-Z_]+:-([^}]*)\}/\1/' -e 's/@sha256:[0-9a-f]+$//' | grep -v '^reweave/' | sort -u
}

edits=()
for image in $(images); do
	digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
	[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "no digest for $image: $digest" >&2; exit 1; }
	name=${image%%:*} version=${image#*:}
	edits+=(-e "s~((FROM |image: )${name//./\\.}:(\\$\{[A-Z_]+:-)?${version//./\\.})(@sha256:[0-9a-f]+)?( |\}|$)~\1@$digest\5~")
	echo "$image is $digest"
done
sed -i -E "${edits[@]}" "${files[@]}"
