#!/bin/sh
# Writes what docker-compose.yml needs and nobody should have made up: deploy/.env from
# deploy/reweave.env.example, with generated secrets, and an admin's token for the API in
# deploy/token, by whose digest in deploy/tokens the API knows it. Files that are there are
# left alone: the secrets are those of the volumes' contents.
set -eu
cd "$(dirname "$0")"

# secret N: N random bytes in hex, after a letter (NATS would read digits as a number).
secret() {
	printf 'r%s' "$(od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n')"
}

umask 077
if [ -e .env ]; then
	echo "deploy/.env is there already; left as it is"
else
	script=
	for name in API SPLITTER ENCODER MUXER; do
		script="$script
			s/^NATS_${name}_PASSWORD=\$/&$(secret 24)/
			s/^REWEAVE_S3_${name}_ACCESS_KEY=\$/&$(secret 10)/
			s/^REWEAVE_S3_${name}_SECRET_KEY=\$/&$(secret 24)/"
	done
	sed -e "$script" \
		-e "s/^REWEAVE_S3_ACCESS_KEY=\$/&$(secret 10)/" \
		-e "s/^REWEAVE_S3_SECRET_KEY=\$/&$(secret 24)/" \
		reweave.env.example >.env.new
	mv .env.new .env
	echo "wrote deploy/.env with new secrets"
fi
if [ -e tokens ]; then
	echo "deploy/tokens is there already; left as it is"
else
	printf 'rwv_%s' "$(secret 32)" >token
	# The container's user reads it; it holds a digest and no token.
	printf '{"name":"admin","tenant":"main","scopes":["admin"],"sha256":"%s"}\n' \
		"$(sha256sum token | cut -d ' ' -f 1)" >tokens.new
	chmod 644 tokens.new
	mv tokens.new tokens
	echo "wrote deploy/token, a token for the API: export REWEAVE_TOKEN_FILE=$PWD/token"
fi
