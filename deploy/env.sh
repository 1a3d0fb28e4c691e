#!/bin/sh
# Writes what docker-compose.yml needs and nobody should have made up: deploy/.env from
# deploy/reweave.env.example, with generated secrets; a key for each service to join NATS
# with, and one for whoever runs it, the seed in deploy/keys/SERVICE/seed; the certificate of
# NATS with its key in deploy/keys/nats, and for its clients in deploy/keys/ca; and an
# admin's token for the API in deploy/token, by whose digest in deploy/tokens the API knows
# it. What is there is left alone: the secrets are those of the volumes' contents. To replace
# a key, remove its seed and run this again; to replace the certificate, deploy/keys/nats.
#
# It makes the keys with bin/reweave ("make build"), a reweave in PATH, the one that $REWEAVE
# names, or without any of them in a container, for which it builds the image.
set -eu
cd "$(dirname "$0")"

# secret N: N random bytes in hex, after a letter: nobody takes them for a number.
secret() {
	printf 'r%s' "$(od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n')"
}

# keys ARGS runs "reweave keys".
keys() {
	if [ -n "${REWEAVE:-}" ]; then
		"$REWEAVE" keys "$@"
	elif [ -x ../bin/reweave ]; then
		../bin/reweave keys "$@"
	elif command -v reweave >/dev/null; then
		reweave keys "$@"
	else
		DOCKER_BUILDKIT=1 docker build -q -f ../cmd/reweave/Dockerfile -t reweave/reweave:dev .. >/dev/null
		docker run --rm --network none reweave/reweave:dev keys "$@"
	fi
}

# put NAME VALUE sets a line of .env.
put() {
	{
		sed "s/^$1=.*/$1=$2/" .env
		grep -q "^$1=" .env || printf '%s=%s\n' "$1" "$2"
	} >.env.new
	mv .env.new .env
}

umask 077
if [ -e .env ]; then
	echo "deploy/.env is there already; its secrets are left as they are"
else
	script=
	for name in API SPLITTER ENCODER MUXER; do
		script="$script
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

# The containers' user is in the group of the seeds, since only root could give it the files.
group=$(id -g)
[ "$(id -u)" != 0 ] || group=65532
for name in api splitter encoder muxer admin; do
	upper=$(echo "$name" | tr '[:lower:]' '[:upper:]')
	if [ -e "keys/$name/seed" ] && grep -q "^NATS_${upper}_NKEY=U" .env; then
		continue
	fi
	key=$(keys new)
	mkdir -p "keys/$name"
	printf '%s\n' "${key%%
*}" >"keys/$name/seed.new"
	chgrp "$group" keys "keys/$name" "keys/$name/seed.new"
	chmod 710 keys "keys/$name"
	chmod 640 "keys/$name/seed.new"
	mv "keys/$name/seed.new" "keys/$name/seed"
	put "NATS_${upper}_NKEY" "${key##*
}"
	put REWEAVE_KEYS_GID "$group"
	echo "wrote deploy/keys/$name/seed, a key of $name for NATS"
done

if ! [ -e keys/nats/tls.key ] || ! cmp -s keys/nats/tls.crt keys/ca/nats.crt; then
	pair=$(keys cert --host nats)
	mkdir -p keys/nats keys/ca
	printf '%s\n' "$pair" | sed -n '/BEGIN PRIVATE KEY/,/END PRIVATE KEY/p' >keys/nats/tls.key
	printf '%s\n' "$pair" | sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' >keys/nats/tls.crt
	cp keys/nats/tls.crt keys/ca/nats.crt
	chgrp "$group" keys keys/nats keys/ca keys/nats/tls.key keys/nats/tls.crt keys/ca/nats.crt
	chmod 710 keys keys/nats keys/ca
	chmod 640 keys/nats/tls.key keys/nats/tls.crt keys/ca/nats.crt
	echo "wrote deploy/keys/nats, the certificate of NATS"
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
