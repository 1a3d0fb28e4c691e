#!/bin/sh
# Prints what a service may do, as arguments of "nsc add user", for a NATS in operator mode:
#
#   set -f; nsc add user --account REWEAVE --name encoder $(deploy/nats/subjects.sh encoder)
#
# permissions.conf says it; this only writes it in another way.
set -eu
cd "$(dirname "$0")"
case ${1:-} in
api | splitter | encoder | muxer | admin) ;;
*) echo "usage: subjects.sh api|splitter|encoder|muxer|admin" >&2; exit 2 ;;
esac
upper=$(echo "$1" | tr '[:lower:]' '[:upper:]')

# What a block allows stands in quotes: first what it publishes, then, in the line with
# "subscribe", what it subscribes to.
awk -v block="^${upper}_(PUBLISH|RIGHTS):" '
	/^[A-Z_]+:/ { on = $0 ~ block }
	!on { next }
	{
		rest = $0
		sub(/#.*/, "", rest)
		while (match(rest, /"[^"]*"/)) {
			subject = substr(rest, RSTART + 1, RLENGTH - 2)
			rest = substr(rest, RSTART + RLENGTH)
			if ($1 == "subscribe:") sub_ = sub_ "," subject; else pub = pub "," subject
		}
	}
	END { print "--allow-pub", substr(pub, 2), "--allow-sub", substr(sub_, 2) }
' permissions.conf
