#!/usr/bin/env bash
# Puts the digest behind the tag of every image from elsewhere, in the Dockerfiles and under
# deploy/: IMAGE:TAG becomes IMAGE:TAG@sha256:…, and an old digest a new one. It asks the
# registries, through docker buildx, which must be there.
set -euo pipefail
cd "$(dirname "$0")/.."

files=(cmd/*/Dockerfile services/*/Dockerfile deploy/docker-compose*.yml deploy/k8s/components/*/*.yaml)
for tag in golang:1.26-bookworm debian:bookworm-slim nats:2.15.2 chrislusf/seaweedfs:4.46; do
	digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
	case $digest in
	sha256:*) ;;
	*) echo "no digest for $tag: $digest" >&2; exit 1 ;;
	esac
	# In compose the tag is the default of a variable: ${NATS_VERSION:-2.15.2}.
	name=${tag%%:*} version=${tag#*:}
	sed -i -E \
		-e "s|(FROM \|image: )$name:$version(@sha256:[0-9a-f]+)?|\1$name:$version@$digest|" \
		-e "s|(image: $name:\\$\{[A-Z_]+:-$version)(@sha256:[0-9a-f]+)?\}|\1@$digest}|" "${files[@]}"
	echo "$tag is $digest"
done
