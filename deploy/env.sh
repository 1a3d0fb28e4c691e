#!/bin/sh
# Writes deploy/.env from deploy/reweave.env.example, with generated secrets. A file that
# is there is left alone: its secrets are those of the volumes' contents.
set -eu
cd "$(dirname "$0")"
if [ -e .env ]; then
	echo "deploy/.env is there already; left as it is"
	exit 0
fi

# secret N: N random bytes in hex, after a letter (NATS would read digits as a number).
secret() {
	printf 'r%s' "$(od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n')"
}

umask 077
sed -e "s/^REWEAVE_NATS_PASSWORD=\$/REWEAVE_NATS_PASSWORD=$(secret 24)/" \
	-e "s/^REWEAVE_S3_ACCESS_KEY=\$/REWEAVE_S3_ACCESS_KEY=$(secret 10)/" \
	-e "s/^REWEAVE_S3_SECRET_KEY=\$/REWEAVE_S3_SECRET_KEY=$(secret 24)/" \
	reweave.env.example >.env.new
mv .env.new .env
echo "wrote deploy/.env with new secrets"
